// Finding secrets and personal data: how much of it, how much else, where exactly, and how fast.
import { describe, expect, it } from 'vitest';
import { inSlices } from '../../../activities/slices.ts';
import { scan, scanAtOnce } from '../../../runtime/detection/scan.ts';
import type { DetectedKind } from '../../../workflows/protocol/index.ts';
import { DETECTED_KINDS } from '../../../workflows/protocol/index.ts';
import type { Labelled } from './labelled.ts';
import { generatedNegatives, HARD_NEGATIVES, HARD_POSITIVES, positives } from './labelled.ts';

const found = (text: string): readonly string[] =>
  scanAtOnce(text).map(({ kind, start, end }) => `${kind} ${text.slice(start, end)}`);

/** Addresses of hosts are looked for by who asks for them; they count in no figure here. */
const counted = (text: string) => scanAtOnce(text).filter(({ kind }) => kind !== 'ip');

interface Score {
  truly: number;
  missed: string[];
  wrongly: string[];
}

function scoreOf(set: readonly Labelled[]): Map<DetectedKind, Score> {
  const scores = new Map(
    DETECTED_KINDS.map((kind): [DetectedKind, Score] => [kind, { truly: 0, missed: [], wrongly: [] }]),
  );
  for (const { text, values } of set) {
    const findings = counted(text);
    for (const { kind, value } of values) {
      const at = text.indexOf(value);
      const right = findings.some((each) => each.kind === kind && each.start === at && each.end === at + value.length);
      if (right) (scores.get(kind) as Score).truly += 1;
      else scores.get(kind)?.missed.push(text);
    }
    for (const { kind, start, end } of findings) {
      const value = text.slice(start, end);
      if (!values.some((each) => each.kind === kind && each.value === value))
        scores.get(kind)?.wrongly.push(`${value} in ${text}`);
    }
  }
  return scores;
}

describe('what is written by hand', () => {
  it.each(HARD_POSITIVES)('%j: a %s', (text, kind, value) => {
    expect(found(text)).toContain(`${kind} ${value}`);
  });

  it.each(HARD_NEGATIVES)('%j: nothing', (text) => {
    expect(counted(text).map(({ kind, start, end }) => `${kind} ${text.slice(start, end)}`)).toEqual([]);
  });
});

describe('a labelled set', () => {
  const set: readonly Labelled[] = [
    ...positives(7),
    ...positives(101),
    ...generatedNegatives(8),
    ...generatedNegatives(102),
    ...HARD_NEGATIVES.map((text) => ({ text, values: [] })),
    ...HARD_POSITIVES.filter(([, kind]) => kind !== 'ip').map(([text, kind, value]) => ({
      text,
      values: [{ kind, value }],
    })),
  ];

  it('is found with the precision and recall that the docs name', () => {
    const scores = scoreOf(set);
    const lines: string[] = [];
    let truly = 0;
    let missed = 0;
    let wrongly = 0;
    for (const [kind, score] of scores) {
      const all = score.truly + score.missed.length;
      if (all + score.wrongly.length === 0) continue;
      truly += score.truly;
      missed += score.missed.length;
      wrongly += score.wrongly.length;
      const share = (of: number): string => (of === 0 ? '-' : (score.truly / of).toFixed(3));
      lines.push(
        `${kind}: ${all} labelled, recall ${share(all)}, precision ${share(score.truly + score.wrongly.length)}`,
      );
    }
    const recall = truly / (truly + missed);
    const precision = truly / (truly + wrongly);
    lines.push(`all: ${set.length} texts, recall ${recall.toFixed(3)}, precision ${precision.toFixed(3)}`);
    process.stdout.write(`${lines.join('\n')}\n`);
    for (const kind of ['card', 'iban', 'email', 'secret'] as const) expect(scores.get(kind)?.missed, kind).toEqual([]);
    expect([...scores.values()].flatMap((score) => score.wrongly).length / set.length).toBeLessThan(0.02);
    expect(recall).toBeGreaterThan(0.98);
    expect(precision).toBeGreaterThan(0.97);
  });
});

describe('offsets', () => {
  it('are UTF-16 code units of the text as it came, with what is invisible inside', () => {
    const text = '👋 Zoë: 4\u200b111\u00a01111\u00a01111\u00a01111\u2069, ok';
    const [finding] = scanAtOnce(text);
    expect(finding).toMatchObject({ kind: 'card', start: text.indexOf('4'), end: text.lastIndexOf('1') + 1 });
  });

  it('are the same wherever a text is cut into blocks', () => {
    const value = 'DE89 3704 0044 0532 0130 00';
    for (const before of [65_500, 65_510, 65_520, 65_530, 65_536, 65_540, 131_060]) {
      const text = `${'word '.repeat(before / 5)}${'.'.repeat(before % 5)} ${value} and more`;
      const at = text.indexOf(value);
      expect(scanAtOnce(text)).toEqual([{ kind: 'iban', start: at, end: at + value.length, confidence: 0.95 }]);
    }
  });

  it('of findings that overlap are one, of the kind that weighs more', () => {
    expect(found('password=ada1@mail.test')).toEqual(['secret ada1@mail.test']);
  });

  it('of a private key without an end reach as far as one may be long', () => {
    const text = `-----BEGIN RSA PRIVATE KEY-----\n${'Ab1/'.repeat(2000)}`;
    expect(scanAtOnce(text)).toEqual([{ kind: 'secret', start: 0, end: text.length, confidence: 1 }]);
  });
});

describe('speed', () => {
  const prose = 'The refund for order 48213 was paid on 2026-11-26; it takes 5 to 7 business days, says section 4.2. ';
  const megabytesOf = (piece: string, megabytes: number): string =>
    piece.repeat(Math.ceil((megabytes * 1e6) / piece.length)).slice(0, megabytes * 1e6);
  const secondsOf = (text: string): number => {
    const started = performance.now();
    scanAtOnce(text);
    return (performance.now() - started) / 1000;
  };

  it('is tens of megabytes a second for prose, and 10 MB keep no thread for long', async () => {
    secondsOf(megabytesOf(prose, 1));
    const text = megabytesOf(prose, 10);
    const seconds = secondsOf(text);
    process.stdout.write(
      `prose: ${(10 / seconds).toFixed(0)} MB/s; 10 KB: ${(secondsOf(text.slice(0, 10_000)) * 1000).toFixed(2)} ms\n`,
    );
    expect(10 / seconds).toBeGreaterThan(1);
    let longestMs = 0;
    let last = performance.now();
    const timer = setInterval(() => {
      longestMs = Math.max(longestMs, performance.now() - last);
      last = performance.now();
    }, 1);
    await inSlices(scan(text));
    clearInterval(timer);
    expect(longestMs).toBeGreaterThan(0);
    expect(longestMs).toBeLessThan(1_000);
  });

  it.each([
    ['digits', '1'],
    ['digits one by one', '1 '],
    ['groups of digits', '12 34 5678 '],
    ['beginnings of cards', '4111 1111 1111 1112 '],
    ['at signs', 'a@'],
    ['dots and at signs', 'a.b.c@d.'],
    ['beginnings of tokens', 'eyJ'],
    ['beginnings of keys', '-----BEGIN PRIVATE KEY-----'],
    ['words for passwords', 'password:'],
    ['beginnings of IBANs', 'DE89 '],
    ['schemes', 'a://b:'],
    ['brackets', '((((1-'],
    ['letters', 'A'],
    ['invisible characters', '\u200b'],
  ])('does not break down on %s', (_, piece) => {
    const text = megabytesOf(piece, 0.3);
    const before = process.cpuUsage();
    scanAtOnce(text);
    const { user } = process.cpuUsage(before);
    // What grew with the square of a block's length would take minutes.
    expect(user / 1e6).toBeLessThan(4);
  });
});

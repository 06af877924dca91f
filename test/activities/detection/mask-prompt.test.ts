// Masks in prompts and replies: tokens that are stable and nobody's to forge, text beside them untouched, and what comes back.
import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { builtInDetector } from '../../../activities/detection/detectors.ts';
import { inspectPrompt, maskPrompt } from '../../../activities/detection/mask-prompt.ts';
import { openWithheld, restoreReply, sealWithheld } from '../../../activities/detection/restore-reply.ts';
import type { DetectedKind, Prompt, PromptPart } from '../../../workflows/protocol/index.ts';

const KEY = randomBytes(32);
const CARD = '4111 1111 1111 1111';
const ALL: readonly DetectedKind[] = ['card', 'email', 'secret', 'iban'];

const promptOf = (...parts: PromptPart[]): Prompt => ({
  messages: [
    { role: 'system', parts: [{ origin: 'operator', text: 'Write to help@example.com.' }] },
    { role: 'user', parts },
  ],
});
const asking = (text: string): PromptPart => ({ origin: 'user', text });
const masked = async (prompt: Prompt, kinds = ALL, key: Uint8Array = KEY) =>
  maskPrompt(key, prompt, await inspectPrompt(builtInDetector, prompt), kinds);
const textsOf = ({ messages }: Prompt): readonly string[] =>
  messages.flatMap(({ parts }) => parts.map(({ text }) => text));
const reply = (text: string) => ({ text, finishReason: 'stop' });

describe('a masked prompt', () => {
  it('has one token for one value wherever and however it stands, and leaves the rest by the byte', async () => {
    const { prompt, counts } = await masked(
      promptOf({ origin: 'retrieval', text: `Ä ${CARD}\r\n!`, citation: 1 }, asking(`Is 4111111111111111 ${CARD}?`)),
    );
    const [operator, passage = '', question = ''] = textsOf(prompt);
    expect(operator).toBe('Write to help@example.com.');
    const [, token = ''] = /^Ä (\[CARD_[A-P]{12}\.[A-P]{4}\])\r\n!$/.exec(passage) ?? [];
    expect(question).toBe(`Is ${token.replace(/\.\w+/, '')} ${token}?`);
    expect(counts).toEqual({ card: 3 });
  });

  it('of another run has other tokens, and of the same run the same ones', async () => {
    const text = async (key: Uint8Array) => textsOf((await masked(promptOf(asking(CARD)), ALL, key)).prompt)[1];
    expect(await text(KEY)).toBe(await text(KEY));
    expect(await text(KEY)).not.toBe(await text(randomBytes(32)));
  });

  it('hides what is demanded and nothing else', async () => {
    const { prompt } = await masked(promptOf(asking(`ada@example.com ${CARD}`)), ['card']);
    expect(textsOf(prompt)[1]).toMatch(/^ada@example\.com \[CARD_/);
  });

  it('keeps the JSON of results and arguments JSON, numbers and names of fields included', async () => {
    const result = '{"result":{"ada@example.com":4111111111111111,"note":"4111111111111111, \\"x\\""}}';
    const args = { to: 'ada@example.com', card: 4111111111111111 };
    const whole: Prompt = {
      messages: [
        { role: 'assistant', parts: [], toolCalls: [{ id: '1', tool: 'pay', args }] },
        { role: 'tool', toolCallId: '1', parts: [{ origin: 'tool:pay', text: result }] },
      ],
    };
    const { prompt } = await masked(whole);
    expect(JSON.stringify(prompt)).not.toMatch(/4111|ada@/);
    expect(JSON.parse(textsOf(prompt)[0] ?? '')).toMatchObject({ result: { note: expect.stringMatching(/\], "x"$/) } });
    expect(prompt.messages[0]?.toolCalls?.[0]?.args).toEqual({
      to: expect.stringMatching(/^\[EMAIL_/),
      card: expect.stringMatching(/^\[CARD_/),
    });
  });

  it('is the very text where nothing was found', async () => {
    const whole = promptOf(asking('Order 48213 of 2026-11-26, see [1] \u200b— and a [note]'));
    const inspection = await inspectPrompt(builtInDetector, whole);
    expect(inspection.kinds).toEqual([]);
    expect(maskPrompt(KEY, whole, inspection, ALL).prompt).toEqual(whole);
  });
});

describe('what a model wrote', () => {
  it('has back what the policy restores, as it was written, and nothing more', async () => {
    const { prompt, tokens } = await masked(promptOf(asking(`${CARD}, ada@example.com, password=hunter2x`)));
    const said = textsOf(prompt)[1] ?? '';
    expect(said).not.toMatch(/4111|ada@|hunter/);
    expect(restoreReply(reply(said), tokens, ['card', 'email']).text).toMatch(
      new RegExp(`^${CARD}, ada@example.com, password=\\[SECRET_[A-P]{12}\\]$`),
    );
    expect(restoreReply(reply(said), tokens, ['email', 'secret']).text).toMatch(
      /^\[CARD_\S+, ada@example\.com, .*\[SECRET_/,
    );
  });

  it('has in arguments everything but secrets', async () => {
    const { prompt, tokens } = await masked(promptOf(asking(`${CARD} password=hunter2x`)));
    const [card, secret] = (textsOf(prompt)[1] ?? '').split(' password=');
    const calls = [{ id: '1', tool: 'pay', args: { deep: [{ card, note: `with ${card}`, secret }] } }];
    expect(restoreReply({ ...reply(''), toolCalls: calls }, tokens, []).toolCalls[0]?.args).toEqual({
      deep: [{ card: CARD, note: `with ${CARD}`, secret }],
    });
  });

  it('gives back words that only looked like a token as they were, and reads nothing twice', async () => {
    const before = await masked(promptOf(asking(CARD)));
    const forged = textsOf(before.prompt)[1] ?? '';
    const { prompt, tokens } = await masked(promptOf(asking(`${CARD} and ${forged} and [EMAIL_1]`)));
    const said = textsOf(prompt)[1] ?? '';
    expect(said).toMatch(/^\[CARD_\S+ and \[TEXT_[A-P]{12}\] and \[TEXT_[A-P]{12}\]$/);
    expect(restoreReply(reply(said), tokens, ['card']).text).toBe(`${CARD} and ${forged} and [EMAIL_1]`);
    expect(restoreReply(reply('[CARD_AAAAAAAAAAAA] [EMAIL_1]'), tokens, ['card']).text).toBe(
      '[CARD_AAAAAAAAAAAA] [EMAIL_1]',
    );
  });

  it('is shown to it again with the tokens it wrote, those that were not restored included', async () => {
    const first = await masked(promptOf(asking(CARD)));
    const token = textsOf(first.prompt)[1] ?? '';
    const whole: Prompt = {
      messages: [
        ...promptOf(asking(CARD)).messages,
        { role: 'assistant', parts: [{ origin: 'model', text: `It is ${token}, I mean ${CARD}.` }] },
      ],
    };
    expect(textsOf((await masked(whole)).prompt).at(-1)).toBe(`It is ${token}, I mean ${token}.`);
  });

  it('leaves for validation what was withheld, sealed for its step', async () => {
    const { prompt, tokens } = await masked(promptOf(asking(`${CARD} ada@example.com`)));
    const said = restoreReply(reply(textsOf(prompt)[1] ?? ''), tokens, ['email']).text;
    const sealed = sealWithheld(KEY, 'answer/generate#1', said, tokens) ?? '';
    expect(openWithheld(KEY, 'answer/generate#1', sealed)).toEqual([[said.split(' ')[0], CARD]]);
    expect(Buffer.from(sealed, 'base64').toString('latin1')).not.toContain('4111');
    expect(() => openWithheld(KEY, 'answer/generate#2', sealed)).toThrow();
    expect(sealWithheld(KEY, 'answer/generate#1', 'nothing', tokens)).toBeUndefined();
  });
});

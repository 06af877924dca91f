// Texts with what is in them: generated from a seed, each number with a check digit of its own, and hard cases written by hand.
// All of it is made up; card numbers are those of no issuer's customers, names and addresses nobody's.
import type { DetectedKind } from '../../../workflows/protocol/index.ts';

export interface Labelled {
  readonly text: string;
  /** What must be found in it, as it stands there; none for a text that holds nothing. */
  readonly values: readonly { readonly kind: DetectedKind; readonly value: string }[];
}

/** Mulberry32: the same seed gives the same numbers. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

const CARRIERS = [
  (value: string) => `Please look at ${value} and tell me what happened.`,
  (value: string) => `${value}`,
  (value: string) => `Sehr geehrte Damen und Herren,\nes geht um ${value}.\nMit freundlichen Grüßen`,
  (value: string) => `{"note":"see below\\n${value}","status":"open"}`,
  (value: string) => `- first\n- (${value})\n- last, 12 items at 3.50 EUR`,
  (value: string) => `On 2026-11-26 the customer wrote "${value}"; order 48213 is open.`,
] as const;

export function positives(seed: number, each = 40): readonly Labelled[] {
  const random = randomOf(seed);
  const below = (n: number): number => Math.floor(random() * n);
  const pick = <T>(items: readonly T[]): T => items[below(items.length)] as T;
  const digits = (n: number): string => Array.from({ length: n }, () => below(10)).join('');
  const letters = (n: number, of = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ'): string =>
    Array.from({ length: n }, () => pick([...of])).join('');
  const until = (make: () => string, valid: (value: string) => boolean): string => {
    for (;;) {
      const value = make();
      if (valid(value)) return value;
    }
  };

  const makers: Readonly<Record<string, () => [DetectedKind, string]>> = {
    card: () => {
      const [prefix, length] = pick([
        ['4', 16],
        ['51', 16],
        ['2223', 16],
        ['37', 15],
        ['6011', 16],
        ['3530', 16],
        ['36', 14],
      ] as const);
      const number = until(() => prefix + digits(length - prefix.length), independentLuhn);
      return ['card', spread(number, pick([' ', '-', '', '', '\u00a0', '–']), length === 16 ? [4, 4, 4, 4] : [length])];
    },
    hiddenCard: () => {
      const number = until(() => `4${digits(15)}`, independentLuhn);
      const trick = pick([
        (text: string) => [...text].map((digit) => String.fromCharCode(0xff10 + Number(digit))).join(''),
        (text: string) => [...text].join('\u200b'),
        (text: string) => spread(text, '\u2011', [4, 4, 4, 4]),
        (text: string) => spread(text, '\u202e', [4, 4, 4, 4]),
        (text: string) => [...text].map((digit) => String.fromCharCode(0x660 + Number(digit))).join(''),
        (text: string) => [...text].join(' '),
        (text: string) => [...text].map((digit) => String.fromCodePoint(0x1d7ce + Number(digit))).join(''),
      ]);
      return ['card', trick(number)];
    },
    iban: () => {
      const [country, length] = pick([
        ['DE', 22],
        ['FR', 27],
        ['ES', 24],
        ['NL', 18],
        ['GB', 22],
        ['IT', 27],
        ['NO', 15],
        ['PL', 28],
      ] as const);
      const bban =
        country === 'NL' || country === 'GB'
          ? letters(4) + digits(length - 8)
          : country === 'IT'
            ? letters(1) + digits(length - 5)
            : digits(length - 4);
      const iban = country + independentIbanCheck(country, bban) + bban;
      const form = below(4);
      if (form === 0) return ['iban', iban];
      if (form === 1) return ['iban', iban.toLowerCase()];
      return ['iban', (iban.match(/.{1,4}/g) ?? []).join(form === 2 ? ' ' : '\u00a0')];
    },
    email: () => {
      const local = pick(['ada', 'bo.li', 'c_m+news', 'd-e', 'müller', 'x1']) + below(1000);
      return ['email', `${local}@${pick(['mail.example.com', 'example.org', 'firma-beispiel.de', 'exämple.eu'])}`];
    },
    phone: () => {
      const number = pick([
        () => `+49 ${pick(['30', '89', '151'])} ${digits(7)}`,
        () => `+1-212-${2 + below(8)}${digits(2)}-${digits(4)}`,
        () => `+44 20 ${digits(4)} ${digits(4)}`,
        () => `+33${1 + below(9)}${digits(8)}`,
        () => `(${2 + below(8)}${digits(2)}) ${2 + below(8)}${digits(2)}-${digits(4)}`,
        () => `0${1 + below(9)} ${spread(digits(8), ' ', [2, 2, 2, 2])}`,
        () => `0${1 + below(9)}${digits(2)}/${digits(7)}`,
        () => `+39 3${digits(2)} ${digits(7)}`,
      ])();
      return ['phone', number];
    },
    nationalId: () => {
      const value = pick([
        () =>
          until(
            () => `${digits(3)}-${digits(2)}-${digits(4)}`,
            (ssn) => /^(?!000|666|9)\d{3}-(?!00)\d{2}-(?!0000)/.test(ssn),
          ),
        () => {
          const number = digits(8);
          return number + 'TRWAGMYFPDXBNJZSQVHLCKE'[Number(number) % 23];
        },
        () => {
          const number = digits(7);
          const [letter, first] = pick([
            ['X', '0'],
            ['Y', '1'],
            ['Z', '2'],
          ] as const);
          return letter + number + 'TRWAGMYFPDXBNJZSQVHLCKE'[Number(first + number) % 23];
        },
        () => {
          const day = String(1 + below(28)).padStart(2, '0');
          const born = digits(2) + String(1 + below(12)).padStart(2, '0') + day + digits(4);
          const sum = [...born].reduce((total, digit, at) => total + Number(digit) * ([1, 3, 7, 9][at % 4] ?? 0), 0);
          return born + ((10 - (sum % 10)) % 10);
        },
        () => {
          const body = `${1 + below(2)}${digits(2)}0${1 + below(9)}${digits(8)}`;
          return body + String(97 - (Number(body) % 97)).padStart(2, '0');
        },
      ])();
      return ['national-id', value];
    },
    secret: () => {
      const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
      const value = pick([
        () => `AKIA${letters(16, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567')}`,
        () => `ghp_${letters(36, alphabet)}`,
        () => `sk-proj-${letters(48, alphabet)}`,
        () => `xoxb-${digits(12)}-${letters(24, alphabet)}`,
        () => `AIza${letters(35, alphabet)}`,
        () => `glpat-${letters(20, alphabet)}`,
        () => `eyJ${letters(30, alphabet)}.eyJ${letters(60, alphabet)}.${letters(43, alphabet)}`,
        () =>
          `-----BEGIN PRIVATE KEY-----\n${letters(64, alphabet)}\n${letters(64, alphabet)}\n-----END PRIVATE KEY-----`,
      ])();
      return ['secret', value];
    },
  };
  return Object.values(makers).flatMap((make) =>
    Array.from({ length: each }, (): Labelled => {
      const [kind, value] = make();
      return { text: pick(CARRIERS)(value), values: [{ kind, value }] };
    }),
  );
}

/** Numbers that are shaped like something, and are not: of random digits, with no check digit. */
export function generatedNegatives(seed: number, each = 40): readonly Labelled[] {
  const random = randomOf(seed);
  const below = (n: number): number => Math.floor(random() * n);
  const pick = <T>(items: readonly T[]): T => items[below(items.length)] as T;
  const digits = (n: number): string => Array.from({ length: n }, () => below(10)).join('');
  const hex = (n: number): string => Array.from({ length: n }, () => below(16).toString(16)).join('');
  const makers: readonly (() => string)[] = [
    () => `order ${digits(10)}`,
    () => `${hex(8)}-${hex(4)}-4${hex(3)}-a${hex(3)}-${hex(12)}`,
    () => `sha256:${hex(64)}`,
    () => `commit ${hex(40)}`,
    () => `20${digits(2)}-0${1 + below(9)}-1${below(10)} 1${below(10)}:${below(6)}${below(10)}`,
    () => `${below(20)}.${below(50)}.${below(30)}`,
    () => `€${digits(3)}.${digits(2)} and $${1 + below(9)},${digits(3)},${digits(3)}.00`,
    () => `invoice 2026-${digits(6)}`,
    () => `${digits(5)} ${pick(['Berlin', 'Paris', 'Roma'])}`,
    () => `at ${1764100000000 + below(99999999)} ms`,
    () => `302-${digits(7)}-${digits(7)}`,
    () => `lat 52.${digits(6)}, lon 13.${digits(6)}`,
  ];
  return makers.flatMap((make) =>
    Array.from({ length: each }, (): Labelled => ({ text: pick(CARRIERS)(make()), values: [] })),
  );
}

/** Written by hand. */
export const HARD_NEGATIVES: readonly string[] = [
  'ISBN 978-3-16-148410-0 and ISBN 0-306-40615-2',
  'EAN 4006381333931',
  'The article 4003994155486 is sold out.',
  'Version 10.0.19045.3803 of 2024-01-09, build v1.2.3.4',
  'From 01.02.2026 to 28.02.2026, 09:00-17:00',
  'Call 3 of 1000000 failed after 00:12:45.123',
  'Rows 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20',
  '1111 1111 1111 1112 is no card, and 4111 1111 1111 1112 has a wrong digit',
  'DE00 3704 0044 0532 0130 00 and DE89 3704 0044 0532 0130 01 are wrong',
  'XX89 3704 0044 0532 0130 00 is of no country',
  'npm i @temporalio/client@1.24.0 lodash@4.17.21 and icon@2x.png',
  'git clone git@github.com:example/project.git',
  'Reset your password: click the link. The password is required.',
  'The token expires: tomorrow. Your secret is safe with us.',
  'password: <your-password>, api_key=$API_KEY_OF_YOURS, token: process.env.TOKEN',
  'PASSWORD=changeme123 is the placeholder; password: ********',
  'The secret of success is persistence. Access key cards are at the desk.',
  'Tracking 1Z999AA10123456784, flight LH454, gate B42',
  'SSN 000-12-3456, 666-12-3456 and 900-12-3456 are never given',
  'Part 12345678A has the wrong letter, and 00000000-A too',
  'Total 4,111,111,111,111,111.00 units',
  'Sum: 1234567890123456789012345678901234567890',
  '2 + 2 = 4, 1000000 + 12345678 = 13345678',
  'x+49301234567 is algebra',
  'The range 10.5-12.5 and the ratio 16:9, paragraphs 12.3.4 and §§ 305-310',
  'Citation [1], [2] and [12]; see [EMAIL] for the field',
  'UTC+01:00, 2026-11-26T10:15:00+01:00, 26/11/2026',
  'AB12 CDEF 3456 is a licence plate, not an account',
  'id=01JD3X4Y5Z6A7B8C9D0E1F2G3H run=default/answer/01JD3X4Y5Z6A7B8C9D0E1F2G3H',
  'bsk-Meetings are cancelled; risk-averse customers wait',
  'Bearer of good news; Basic questions answered',
  'https://example.com:8443/path?x=1 and http://localhost:3000/@scope',
  '12 34 56 78 90 12 34 56 are lottery numbers',
  'Prices: 100 200 3000, 212 555 9999',
  'RSSMRA85T10A562X has the wrong letter',
  'Room 0815, ticket 4711, 0 12345 67890 5',
];

/** Each with what must be found. */
export const HARD_POSITIVES: readonly (readonly [text: string, kind: DetectedKind, value: string])[] = [
  ['Order 123 paid with 4111 1111 1111 1111 12/27', 'card', '4111 1111 1111 1111'],
  ['Amex 3782 822463 10005', 'card', '3782 822463 10005'],
  ['４１１１ １１１１ １１１１ １１１１', 'card', '４１１１ １１１１ １１１１ １１１１'],
  ['{"card":4111111111111111}', 'card', '4111111111111111'],
  ['{"text":"a\\\\n4111111111111111"}', 'card', '4111111111111111'],
  ['IBAN:DE89370400440532013000,BIC', 'iban', 'DE89370400440532013000'],
  ['de89-3704-0044-0532-0130-00', 'iban', 'de89-3704-0044-0532-0130-00'],
  ['PL51 7288 4575 5526 3034 7265 7682', 'iban', 'PL51 7288 4575 5526 3034 7265 7682'],
  ['GB82 WEST 1234 5698 7654 32.', 'iban', 'GB82 WEST 1234 5698 7654 32'],
  ['＜ada＠example．com＞', 'email', 'ada＠example．com'],
  ['mailto:ada@example.com?subject=x', 'email', 'ada@example.com'],
  ['{"a":"\\nada@example.com"}', 'email', 'ada@example.com'],
  ['Tel. 030 901820', 'phone', '030 901820'],
  ['Phone: 5551234567', 'phone', '5551234567'],
  ['WhatsApp +39 333 1234567!', 'phone', '+39 333 1234567'],
  ['0049 30 901820', 'phone', '0049 30 901820'],
  ['SSN: 123456789', 'national-id', '123456789'],
  ['Steuer-ID 86095742719', 'national-id', '86095742719'],
  ['86 095 742 719', 'national-id', '86 095 742 719'],
  ['CF RSSMRA85T10A562S', 'national-id', 'RSSMRA85T10A562S'],
  ['rss mra 85t10 a562s', 'national-id', 'rss mra 85t10 a562s'],
  ['DNI 12.345.678-Z', 'national-id', '12.345.678-Z'],
  ['NHS number 943 476 5919', 'national-id', '943 476 5919'],
  ['PESEL 44051401359', 'national-id', '44051401359'],
  ['password=hunter2x', 'secret', 'hunter2x'],
  ['{"password":"Tr0ub4dor&3"}', 'secret', 'Tr0ub4dor&3'],
  ['Das Passwort lautet Sommer2026!', 'secret', 'Sommer2026'],
  ['postgres://app:s3cr-et@db.example.com/x', 'secret', 's3cr-et'],
  [
    'aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPL3KEY',
    'secret',
    'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPL3KEY',
  ],
  ['Authorization: Bearer 9f86d081884c7d659a2feaa0c55ad015', 'secret', '9f86d081884c7d659a2feaa0c55ad015'],
  ['host 192.0.2.17 answers', 'ip', '192.0.2.17'],
];

function spread(text: string, separator: string, sizes: readonly number[]): string {
  let at = 0;
  return sizes
    .map((size) => {
      at += size;
      return text.slice(at - size, at);
    })
    .join(separator);
}

/** Not the detector's own: from the right, every second digit doubled, cross sums added. */
function independentLuhn(number: string): boolean {
  const sums = [...number]
    .reverse()
    .map((digit, at) => (at % 2 === 0 ? Number(digit) : [0, 2, 4, 6, 8, 1, 3, 5, 7, 9][Number(digit)]));
  return sums.reduce<number>((a, b) => a + (b ?? 0), 0) % 10 === 0;
}

function independentIbanCheck(country: string, bban: string): string {
  const text = [...`${bban}${country}00`].map((character) => Number.parseInt(character, 36)).join('');
  return String(98n - (BigInt(text) % 97n)).padStart(2, '0');
}

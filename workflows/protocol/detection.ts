// What is found in a text that should not travel further than it must: its kinds, where one stands, and how sensitive it makes a text.

import type { Sensitivity } from './principal.ts';

/** As policies and traces name them. `person` and `location` are found by an analyzer of names only. */
export const DETECTED_KINDS = [
  'secret',
  'card',
  'iban',
  'national-id',
  'phone',
  'email',
  'person',
  'location',
  'ip',
] as const;

export type DetectedKind = (typeof DETECTED_KINDS)[number];

export interface Finding {
  readonly kind: DetectedKind;
  /** Offsets in the text, in UTF-16 code units; `end` is after the last. */
  readonly start: number;
  readonly end: number;
  /** 0–1. */
  readonly confidence: number;
}

/** How often each kind was found; kinds that were not are absent. */
export type KindCounts = Readonly<Partial<Record<DetectedKind, number>>>;

/** A text that holds one is at least so sensitive. */
export const SENSITIVITY_OF_KIND: Readonly<Record<DetectedKind, Sensitivity>> = {
  secret: 'restricted',
  card: 'confidential',
  iban: 'confidential',
  'national-id': 'confidential',
  phone: 'internal',
  email: 'internal',
  person: 'internal',
  location: 'internal',
  ip: 'internal',
};

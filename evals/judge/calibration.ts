// Whether a judge's word counts: people have to have said the same of enough replies. Pure.
import type { Agreement } from '../statistics/kappa.ts';

/** Replies that people marked, too. */
const MIN_MARKED = 30;
/** Of those, how many people passed at least, and how many they failed: kappa of one verdict alone says nothing. */
const MIN_OF_EACH = 10;
/** "Substantial" from .61 on: Landis and Koch, "The Measurement of Observer Agreement for Categorical Data", 1977. */
const MIN_KAPPA = 0.6;

/** What is missing for the word to count, for people; empty when it does. */
export function missingFor({ marked, kappa, truePositive, trueNegative }: Agreement): readonly string[] {
  const missing = [
    ...(marked < MIN_MARKED ? [`people marked ${marked} replies of ${MIN_MARKED}`] : []),
    ...(truePositive.of < MIN_OF_EACH ? [`they passed ${truePositive.of} of ${MIN_OF_EACH}`] : []),
    ...(trueNegative.of < MIN_OF_EACH ? [`they failed ${trueNegative.of} of ${MIN_OF_EACH}`] : []),
  ];
  if (missing.length > 0) return missing;
  if (kappa !== null && kappa >= MIN_KAPPA) return [];
  // Cut, not rounded, so that nothing below the limit reads like it.
  return [`kappa is ${kappa === null ? 'not known' : Math.floor(kappa * 1000) / 1000}, and ${MIN_KAPPA} is the least`];
}

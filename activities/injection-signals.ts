// Sentences that read like orders to a model. A metric and a hint, never a boundary: it misses what it does not know.

const SIGNALS: readonly RegExp[] = [
  /\b(ignore|disregard|forget|override)\b[^.!?]{0,40}\b(previous|prior|above|earlier|all|any|your)\b[^.!?]{0,30}\b(instructions?|rules?|prompts?|polic(?:y|ies)|guidelines?)\b/i,
  /\b(system|developer) (prompt|message|instructions?)\b/i,
  /\byou are (now|no longer)\b/i,
  /\b(assistant|chatbot|ai|language model)s?\b[^.!?]{0,30}\b(must|should|shall|has to|have to|need to)\b/i,
  /\b(tell|inform|assure) (every|each|all|any)(body|one| customers?| users?)\b/i,
  /\bnew instructions?\b/i,
  /<\/?(system|assistant|passage)\b/i,
];

export const readsLikeInstruction = (text: string): boolean => SIGNALS.some((signal) => signal.test(text));

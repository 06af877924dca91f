// Check digits of numbers that people and accounts are known by. Pure; digits come without separators.

/** ISO/IEC 7812-1, annex B. */
export function luhn(digits: string): boolean {
  let sum = 0;
  for (let at = digits.length - 1, double = false; at >= 0; at--, double = !double) {
    const digit = digits.charCodeAt(at) - 48;
    sum += double ? (digit > 4 ? 2 * digit - 9 : 2 * digit) : digit;
  }
  return sum % 10 === 0;
}

/** Issuers whose cards have so many digits. @see ISO/IEC 7812; 13-digit cards that read as an article number do not count */
export function isCard(digits: string): boolean {
  const { length } = digits;
  const four = Number(digits.slice(0, 4));
  const two = Math.trunc(four / 100);
  const fits =
    (digits[0] === '4' && (length === 16 || length === 19 || (length === 13 && !isArticle(digits)))) ||
    (length === 16 && ((two >= 51 && two <= 55) || (four >= 2221 && four <= 2720))) ||
    (length === 15 && (two === 34 || two === 37)) ||
    (length === 14 && (two === 36 || two === 38 || two === 39 || (four >= 3000 && four <= 3059))) ||
    (length >= 16 && (four === 6011 || two === 65 || (four >= 6440 && four <= 6499))) ||
    (length >= 16 && ((four >= 3528 && four <= 3589) || two === 62 || two === 81)) ||
    (length === 16 && (two === 50 || (two >= 56 && two <= 58) || two === 67));
  return fits && luhn(digits);
}

/** GTIN-13 (EAN, ISBN-13). */
export const isArticle = (digits: string): boolean =>
  [...digits].reduce((sum, digit, at) => sum + Number(digit) * (at % 2 === 0 ? 1 : 3), 0) % 10 === 0;

/** ISO 7064, MOD 97-10, over digits and capital letters; the check digits come third and fourth. */
export function mod97(iban: string): number {
  let rest = 0;
  for (let at = 0; at < iban.length; at++) {
    const unit = iban.charCodeAt((at + 4) % iban.length);
    rest = (unit < 65 ? rest * 10 + unit - 48 : rest * 100 + unit - 55) % 97;
  }
  return rest;
}

/** German Steuer-Identifikationsnummer: ISO 7064, MOD 11,10; of the first ten digits one comes twice or three times. */
export function isGermanTaxId(digits: string): boolean {
  if (digits.length !== 11 || digits[0] === '0') return false;
  const counts = new Map<string, number>();
  for (const digit of digits.slice(0, 10)) counts.set(digit, (counts.get(digit) ?? 0) + 1);
  const repeated = [...counts.values()].filter((count) => count > 1);
  if (repeated.length !== 1 || (repeated[0] ?? 0) > 3) return false;
  let product = 10;
  for (const digit of digits.slice(0, 10)) {
    const sum = (Number(digit) + product) % 10;
    product = ((sum === 0 ? 10 : sum) * 2) % 11;
  }
  return (11 - product) % 10 === Number(digits[10]);
}

/** Polish PESEL: a date of birth with the century in its month, and a check digit. */
export function isPesel(digits: string): boolean {
  if (digits.length !== 11) return false;
  const month = Number(digits.slice(2, 4)) % 20;
  const day = Number(digits.slice(4, 6));
  if (month < 1 || month > 12 || day < 1 || day > 31) return false;
  const weights = [1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1];
  return weights.reduce((sum, weight, at) => sum + weight * Number(digits[at]), 0) % 10 === 0;
}

/** French NIR: sex, year, month, place and order with a key modulo 97. */
export function isNir(digits: string): boolean {
  if (!/^[12]\d{2}(?:0[1-9]|1[0-2]|[2-9]\d)\d{10}$/.test(digits)) return false;
  return 97 - (Number(digits.slice(0, 13)) % 97) === Number(digits.slice(13));
}

/** UK NHS number: MOD 11. */
export function isNhs(digits: string): boolean {
  if (digits.length !== 10) return false;
  const sum = [...digits.slice(0, 9)].reduce((total, digit, at) => total + Number(digit) * (10 - at), 0);
  const check = (11 - (sum % 11)) % 11;
  return check !== 10 && check === Number(digits[9]);
}

/** US SSN: it has no check digit, but areas, groups and serials that are never given. */
export const isSsn = (digits: string): boolean => /^(?!000|666|9)\d{3}(?!00)\d{2}(?!0000)\d{4}$/.test(digits);

/** Spanish DNI and NIE: a letter modulo 23. */
export function isDni(text: string): boolean {
  const number = text.slice(0, -1).replace(/^[XYZ]/, (letter) => String('XYZ'.indexOf(letter)));
  return 'TRWAGMYFPDXBNJZSQVHLCKE'[Number(number) % 23] === text.at(-1);
}

/** Values of letters at odd places; a digit counts as the letter that comes at its place in the alphabet. */
const ODD = [1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23];

/** Italian codice fiscale: a letter over the fifteen characters before it. */
export function isCodiceFiscale(text: string): boolean {
  let sum = 0;
  for (let at = 0; at < 15; at++) {
    const unit = text.charCodeAt(at);
    const value = unit < 65 ? unit - 48 : unit - 65;
    sum += at % 2 === 0 ? (ODD[value] ?? 0) : value;
  }
  return text.length === 16 && String.fromCharCode(65 + (sum % 26)) === text[15];
}

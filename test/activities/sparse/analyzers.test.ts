// Analyzers by language: inflections meet, stop words are gone, and no release of a library changes what was indexed.
import { describe, expect, it } from 'vitest';
import { createAnalyzers } from '../../../activities/sparse/analyzers.ts';
import { english } from '../../../activities/sparse/english.ts';

const analyzers = createAnalyzers();
const terms = (language: string, text: string): readonly string[] => analyzers.of(language)?.terms(text) ?? [];

describe('an analyzer', () => {
  // Words of our own. A change here means: raise the revision in the analyzer's id, so that collections are built anew.
  it.each([
    [
      'danish',
      'Refusioner af returnerede varer betales inden for fjorten dage',
      'refusion return var betal ind fjort dag',
    ],
    [
      'dutch',
      'Terugbetalingen van geretourneerde artikelen volgen binnen veertien dagen',
      'terugbetal geretourneerd artikel volg binn veertien dag',
    ],
    [
      'finnish',
      'Palautettujen tuotteiden hyvitykset maksetaan neljäntoista päivän kuluessa',
      'palautetu tuot hyvityks maks neljänto päivä kulue',
    ],
    [
      'french',
      "Les remboursements des articles retournés sont versés sous quatorze jours à l'acheteur",
      'rembours articl retourn vers sous quatorz jour acheteur',
    ],
    [
      'german',
      'Rückerstattungen für zurückgegebene Häuser werden binnen vierzehn Tagen überwiesen',
      'ruckerstatt zuruckgegeb haus binn vierzehn tag uberwies',
    ],
    [
      'italian',
      'I rimborsi degli articoli restituiti vengono pagati entro quattordici giorni',
      'rimbors articol restitu veng pag entro quattord giorn',
    ],
    [
      'norwegian',
      'Refusjoner for returnerte varer betales innen fjorten dager',
      'refusjon returner var betal inn fjort dag',
    ],
    [
      'portuguese',
      'Os reembolsos dos artigos devolvidos são pagos em catorze dias',
      'reembols artig devolv pag catorz dias',
    ],
    [
      'spanish',
      'Los reembolsos de los artículos devueltos se pagan en catorce días',
      'reembols articul devuelt pag catorc',
    ],
    [
      'swedish',
      'Återbetalningar för returnerade varor sker inom fjorton dagar',
      'återbetalning returner var sker fjorton dag',
    ],
    ['any', 'Refunds: 14 days; 返品は十四日以内', 'refunds 14 days 返品 は 十四日 以内'],
  ])('of %s keeps its terms', (language, text, expected) => {
    expect(terms(language, text).join(' ')).toBe(expected);
    // Decomposed letters are the same letters.
    expect(terms(language, text.normalize('NFD')).join(' ')).toBe(expected);
    expect(analyzers.of(language)?.id).toBe(`${language}/1`);
  });

  it.each([
    ['german', 'Wie lange dauert die Rückerstattung?', 'Rückerstattungen dauern fünf Tage.'],
    ['french', 'Quand les articles sont-ils remboursés ?', "Le remboursement d'un article suit le retour."],
    ['spanish', '¿Cuándo se devuelven los pagos?', 'El pago se devuelve en tres días.'],
    ['any', '返品できますか', '返品は十四日以内です'],
  ])('of %s lets a question meet other forms of its words', (language, question, passage) => {
    const asked = analyzers.of(language)?.contentTerms(question) ?? new Set();
    const found = new Set(terms(language, passage));
    expect([...asked].filter((term) => found.has(term)).length).toBeGreaterThanOrEqual(1);
  });

  it.each([
    ['danish', 'Hvornår kan jeg returnere den?', 'return'],
    ['dutch', 'Hoe kan ik het retourneren?', 'retourner'],
    ['french', 'Comment puis-je retourner un article ?', 'retourn articl'],
    ['german', 'Wie kann ich bitte etwas zurückgeben?', 'zuruckgeb'],
    ['italian', 'Come posso restituire un articolo?', 'restitu articol'],
    ['norwegian', 'Hvordan kan jeg returnere den?', 'returner'],
    ['portuguese', 'Como posso devolver um artigo?', 'devolv artig'],
    ['spanish', '¿Cómo puedo devolver un artículo?', 'devolv articul'],
    ['swedish', 'Hur kan jag returnera den?', 'returner'],
  ])('of %s asks for what a question is about, and not for the words that frame it', (language, question, expected) => {
    expect([...(analyzers.of(language)?.contentTerms(question) ?? [])].join(' ')).toBe(expected);
  });

  it('is found by what a generation says, and one of the user’s own takes the place of a shipped one', () => {
    expect(analyzers.byId('english/2')).toBe(english);
    expect(analyzers.byId('english/1')).toBeUndefined();
    expect(analyzers.of('klingon')).toBeUndefined();
    const own = { id: 'german/own-1', terms: () => ['x'], contentTerms: () => new Set(['x']) };
    const both = createAnalyzers([own]);
    expect(both.of('german')).toBe(own);
    expect(both.byId('german/1')?.id).toBe('german/1');
    expect(both.languages).toEqual(analyzers.languages);
  });
});

// Links to hosts that a release does not name: none is left that a renderer of Markdown or HTML would follow, and everything else stays.
import fc from 'fast-check';
import { Parser } from 'htmlparser2';
import { describe, expect, it } from 'vitest';
import { atOnce } from '../../../activities/slices.ts';
import { checkLinks, NOTHING_KEPT, removeForeignLinks } from '../../../activities/validation/egress.ts';
import { growth, repeated } from '../../support/linear.ts';
import { HOSTILE_LINKS } from './hostile-links.ts';

const ALLOWED = ['docs.example', '*.shop.example', 'http://old.example', 'port.example:8443'];
const remove = (text: string) => atOnce(removeForeignLinks(text, ALLOWED));
const left = (text: string): string => remove(text).text;

const ADDRESSES = new Set(
  'href src srcset background action formaction poster data cite ping xlink:href content values srcdoc style'.split(
    ' ',
  ),
);
/** Schemes that a browser follows or runs. */
const FOLLOWED = /^(?:https?|ftp|wss?|file|javascript|vbscript|data|ms-msdt):/;

/** Another reading than that of the code: by a parser of HTML, and by what links of Markdown look like. */
function reachable(text: string): string[] {
  const targets: string[] = [];
  const parser = new Parser({
    onopentagname(name) {
      if (name === 'script' || name === 'style') targets.push('javascript:run');
    },
    onattribute(name, value) {
      if (/^on./.test(name)) targets.push('javascript:run');
      if (ADDRESSES.has(name)) targets.push(value, ...value.split(/[\s,;='"()]+/));
    },
  });
  parser.end(text);
  for (const [, target = ''] of text.matchAll(/\](?:\(|:)\s*<?([^\s<>]*)/g)) {
    targets.push(target, target.replace(/\\([!-/:-@[-`{-~])/g, '$1'));
  }
  for (const [address] of text.matchAll(/[a-z][a-z0-9+.-]*:\/\/[^\s<>"`[\]]+/gi)) targets.push(address);
  return targets.filter((target) => {
    const url = URL.parse(target, 'https://relative.invalid/');
    if (url === null || url.host === 'relative.invalid' || !FOLLOWED.test(url.protocol)) return false;
    if (url.pathname === '' && url.host === '') return false;
    // No such host can be.
    if (!/^\[|(?:^|\.)(?!xn--)[a-z0-9-]+\.?(?::\d+)?$/.test(url.host) && url.host !== '') return false;
    const host = url.host.replace(/\.$/, '');
    const known = host === 'docs.example' || host.endsWith('.shop.example') || host === 'port.example:8443';
    return !(url.protocol === 'https:' && url.username === '' && (known || host === 'old.example'));
  });
}

describe('a link to another host is removed', () => {
  it.each(HOSTILE_LINKS)('%s', (_, text) => {
    const { text: cleaned, removed } = remove(text);
    expect(removed.length).toBeGreaterThan(0);
    expect(cleaned).not.toBe(text);
    expect(cleaned).not.toBe(NOTHING_KEPT);
    expect(reachable(cleaned)).toEqual([]);
    expect(cleaned).not.toMatch(/evil\.(?:com|example)\/?\?|script:/i);
    expect(left(cleaned)).toBe(cleaned);
    expect(left(`Before.\n\n${text}\n\nAfter.`)).toMatch(/^Before\.\n\n[\s\S]*After\.$|^Before\./);
  });

  it('is known to the reading of this test, where it is written plainly', () => {
    const seen = HOSTILE_LINKS.filter(([, text]) => reachable(text).length > 0);
    expect(seen.length).toBeGreaterThan(60);
  });

  it('whatever is put together of pieces of links', () => {
    const piece = fc.constantFrom(
      ...'[ ] ( ) ![ ]( ]: ][ [a] < > " \' ` / // \\ \\\\ & ; # ? = @ : . _ * a x='.split(' '),
      ...['[a]: ', '\n', '\n\n', ' ', '> ', '```\n', '</a>', '<a href=', '<img src=', '<img alt="x" src="', '<b '],
      ...['<!--', '-->', 'srcset="', ' onerror=x ', ' style="background:url(', '<script>', '</script>', '<style>'],
      ...[
        'https://evil.example/',
        'https://evil.example',
        '//evil.example/x',
        'https://docs.example',
        'https:',
        'http:',
      ],
      ...['javascript:', 'javascript:x', 'data:text/html,', '.evil.example', '@evil.example', 'www.evil.example'],
      ...[
        '&#104;',
        '&#x2f;',
        '&#47',
        '&colon;',
        '&sol;',
        '&lt;',
        '\t',
        '\u200b',
        '\u00ad',
        '：',
        '／',
        '。',
        '\r',
        '\0',
      ],
      ...['<iframe src=', '<base href=', '<meta content="0;url=', '<svg><use xlink:href=', '<form action=', ':8443'],
    );
    fc.assert(
      fc.property(fc.array(piece, { minLength: 2, maxLength: 14 }), (pieces) => {
        const cleaned = left(pieces.join(''));
        expect(reachable(cleaned)).toEqual([]);
        expect(left(cleaned)).toBe(cleaned);
      }),
      { numRuns: 3000, seed: 7 },
    );
  });
});

describe('what stands there then', () => {
  it.each([
    ['the words of a link', 'See [our **docs**](https://evil.example "t").', 'See our **docs**.'],
    [
      'the words of a link by reference',
      'See [it][1], [1] and [1][].\n\n[1]: https://evil.example "t"\nEnd',
      'See it, 1 and 1.\n\n\nEnd',
    ],
    ['a note, for a link without words', 'See [](https://evil.example).', 'See (link removed).'],
    ['the alternative text of an image', '![a chart](//evil.example/p)', 'a chart'],
    ['a note, for an image without one', '![ ](//evil.example/p)', ' (image removed)'],
    ['both, of an image in a link', '[![a](//evil.example/p) b](//evil.example)', 'a b'],
    ['a note for an address', '(See https://evil.example/a_(b)?c.)', '(See (link removed).)'],
    ['a note for an address in angle brackets', 'At <https://evil.example>.', 'At (link removed).'],
    ['the words of a link of HTML', 'a <a href="//evil.example">b</a> c</a>', 'a b c</a>'],
    ['the alternative text of an image of HTML', '<img alt="a chart" src=//evil.example>', 'a chart'],
    ['nothing, for a script with all that is in it', 'a<script>x("<b>")</script>b', 'ab'],
    ['the citation behind an address', 'At https://evil.example/x[1].', 'At (link removed)[1].'],
  ])('%s', (_, text, cleaned) => {
    expect(left(text)).toBe(cleaned);
  });

  it('says which hosts, how often, the most frequent first', () => {
    const text =
      '[a](https://b.example) https://a.example/1 https://A.example./2 <script>x</script> [b](https://b.example:81)';
    expect(remove(text).removed).toEqual([
      { host: 'a.example', count: 2 },
      { host: 'b.example', count: 1 },
      { host: 'b.example:81', count: 1 },
      { host: 'script:', count: 1 },
    ]);
  });

  it('keeps nothing of a text whose links come back without end', () => {
    const nested = (depth: number): string => (depth === 0 ? 'b' : `<${nested(depth - 1)} onclick=x>i`);
    expect(left(`<${'<b onclick=x>'.repeat(1)}img src=//evil.example>`)).not.toContain('evil');
    expect(reachable(left(nested(40)))).toEqual([]);
  });
});

describe('a text stays the same string', () => {
  it.each([
    [
      'allowed links',
      'See [docs](https://docs.example/a_(b)?c=1 "T"), https://docs.example, **https://docs.example**, "https://docs.example".',
    ],
    ['an allowed link before a citation', 'See https://docs.example[1] and <https://docs.example/>.'],
    ['an allowed pattern', '![x](https://cdn.shop.example/x.png) https://a.b.shop.example/'],
    ['an allowed host over http', 'http://old.example/ and https://old.example/'],
    ['an allowed port', 'https://port.example:8443/x'],
    ['an allowed host, written otherwise', 'HTTPS://Docs.Example:443/ and https://docs.example./x'],
    ['an allowed link of HTML', '<a href="https://docs.example/">docs</a> <img src="/logo.png" alt="a">'],
    ['links that stay on the page', '[a](/b) [c](#d) [e](f/g.md) [h](?i=1)\n\n[j]: ../k.md'],
    ['comparisons and types', 'if a<b and b<c then x=1; List<String>, <T extends Foo>, <std::string>, Map<K, V>'],
    ['harmless tags', '<b>bold</b><br/><td colspan="2" title="a < b">x</td><sub>2</sub>'],
    ['comments of a program', 'x = 1; // comment\n//comment\n/* a // b */'],
    ['colons', 'Note: x. Data: 5 rows. JavaScript: the good parts. [1]: see above; 10:30; C:\\Users\\x'],
    ['calls in code', 'handlers[name](event: Event), a[0](std::move(x)), [1](see: p. 3)'],
    ['names with dots', 'ASP.NET Core, Node.js/Express, README.md, e.g. i.e./x, main.rs:42, 1.5/2.5, docs/setup.md'],
    ['mailboxes', 'Write to help@evil.example, or <help@evil.example>.'],
    ['references of HTML', 'AT&amp;T &lt;b&gt; &copy; 2026'],
    ['other scripts', 'お問い合わせは 10：30 まで。שלום (a/b)'],
  ])('with %s', (_, text) => {
    const { text: same, removed } = remove(text);
    expect(removed).toEqual([]);
    expect(same).toBe(text);
  });
});

describe('the list of hosts', () => {
  it.each(['', 'a b', 'https://', 'docs.example/path', '*', '*.', 'user@docs.example', 'javascript:alert(1)'])(
    'refuses %j',
    (pattern) => {
      expect(() => atOnce(removeForeignLinks('x', [pattern]))).toThrow(/cannot link to/);
    },
  );

  it('takes a host in another script for its canonical form', () => {
    expect(atOnce(removeForeignLinks('https://bücher.example/', ['BÜCHER.example'])).removed).toEqual([]);
    expect(atOnce(removeForeignLinks('https://xn--bcher-kva.example/', ['bücher.example'])).removed).toEqual([]);
  });

  it('may be empty: then nothing is linked to', () => {
    expect(atOnce(removeForeignLinks('https://docs.example/', [])).text).toBe('(link removed)');
  });
});

describe('the check', () => {
  const check = (text: string) => atOnce(checkLinks(text, ALLOWED));

  it('names a few hosts, cleaned, and how many links there are', () => {
    const links = Array.from({ length: 5 }, (_, i) => `[x](https://h${i}.example/\u202esecret)`).join(' ');
    expect(check(links)).toEqual({
      name: 'links-allowed',
      passed: false,
      score: null,
      threshold: null,
      reason:
        'it has 5 links to what is not on the list of allowed hosts: h0.example, h1.example, h2.example and 2 more',
    });
    const long = check(`[x](https://${'a'.repeat(200)}.example/)`).reason;
    expect(long.length).toBeLessThan(150);
    expect(long).toContain('a.example');
  });

  it('passes a text without them', () => {
    expect(check('See https://docs.example/.')).toMatchObject({ passed: true, score: null });
  });
});

describe('work grows with the length of the text', () => {
  it.each([
    'https://evil.example/ ',
    '[a](https://evil.example) ',
    'https://docs.example/',
    '//a.b',
    '](',
    '](a ',
    '](<',
    '](a "b',
    '[',
    '[a]: b\n',
    '<a ',
    '<a b="',
    "<a b='<",
    '<a x=1 ',
    '<script>',
    '<style a=b',
    '</a>',
    '&#104;',
    '\\',
    '\u200b/',
    'a.com/',
    ':',
    '((((',
    'www.a',
    '[![a](//e.example)](//e.example)',
  ])('of %j', async (piece) => {
    expect(await growth(repeated(piece), (text) => remove(text))).toBeLessThanOrEqual(3);
  });
});

// An answer for people: numbers in the order of reading, each place once, and nothing of a document that becomes markup.
import { describe, expect, it } from 'vitest';
import type { Citation } from '../../client/index.ts';
import { formatAnswer, sourcesOf } from '../../client/index.ts';

const citation = (n: number, change: Partial<Citation> = {}): Citation => ({
  n,
  passageId: `doc-${n}.md#0`,
  docId: `doc-${n}.md`,
  title: `Document ${n}`,
  start: 100 * n,
  end: 100 * n + 50,
  ...change,
});

describe('citations', () => {
  it('are numbered in the order of reading, each place once', () => {
    const same = { docId: 'returns.md', title: 'Returns', headings: ['Returns', 'Swimwear'] };
    const reply = {
      text: 'Thirty days [4]. Not swimwear [2], not worn [3]. A week [4].',
      citations: [
        citation(2, { ...same, start: 0, end: 40, quote: 'no swimwear' }),
        citation(3, { ...same, start: 40, end: 90 }),
        citation(4),
      ],
    };
    expect(formatAnswer(reply, 'plain')).toBe(
      'Thirty days [1]. Not swimwear [2], not worn [2]. A week [1].\n\n' +
        '[1] Document 4 (doc-4.md, 400–450)\n' +
        '[2] Returns › Swimwear (returns.md, 0–40, 40–90)\n    “no swimwear”',
    );
    expect(sourcesOf(reply).map(({ number, docId }) => [number, docId])).toEqual([
      [1, 'doc-4.md'],
      [2, 'returns.md'],
    ]);
  });

  it('beside each other of one place are one', () => {
    const both = { docId: 'a.md', title: 'A' };
    const reply = { text: 'So it is [1][2] [3].', citations: [citation(1, both), citation(2, both), citation(3)] };
    expect(formatAnswer(reply, 'plain')).toContain('So it is [1][2].\n');
  });

  it('that are none of the reply stay as they are: a document may be full of brackets', () => {
    const reply = { text: 'As footnote [12] says [1].', citations: [citation(1)] };
    expect(formatAnswer(reply, 'plain')).toContain('As footnote [12] says [1].');
  });

  it('without a word in the text come last, and an answer without any is its text', () => {
    expect(sourcesOf({ text: 'So [2].', citations: [citation(1), citation(2)] }).map(({ docId }) => docId)).toEqual([
      'doc-2.md',
      'doc-1.md',
    ]);
    expect(formatAnswer({ text: 'Yes.', citations: [] }, 'markdown')).toBe('Yes.');
  });
});

describe('HTML', () => {
  it('links each number to its source, and escapes everything that was written by others', () => {
    const evil = citation(1, {
      title: '<img src=x onerror=alert(1)>',
      docId: '"><script>',
      headings: ['<b>'],
      quote: '</blockquote><script>alert(1)</script>',
      sourceUrl: 'https://example.com/"onmouseover="alert(1)',
    });
    const html = formatAnswer({ text: 'So <b>it</b> is [1].\n\nAnd "more"\nof it.', citations: [evil] }, 'html');
    expect(html).toContain('<p>So &lt;b&gt;it&lt;/b&gt; is <sup><a href="#source-1">[1]</a></sup>.</p>\n<p>And');
    expect(html).toContain('And &quot;more&quot;<br>\nof it.</p>');
    expect(html).toContain('<li id="source-1">');
    expect(html.match(/<(?!\/?(?:p|sup|a|ol|li|br|blockquote)[\s>])/g)).toBeNull();
    expect(html.match(/<a [^>]*>/g)).toEqual([
      '<a href="#source-1">',
      '<a href="https://example.com/&quot;onmouseover=&quot;alert(1)" rel="nofollow noopener noreferrer">',
    ]);
  });

  it.each(['javascript:alert(1)', 'http://example.com/', 'data:text/html,x'])('has no link to %s', (sourceUrl) => {
    const html = formatAnswer({ text: 'So [1].', citations: [citation(1, { sourceUrl })] }, 'html');
    expect(html).not.toContain(sourceUrl);
  });
});

describe('Markdown', () => {
  it('lists the sources with link, section, place and quote, and escapes their names', () => {
    const one = citation(1, {
      title: 'Re[turns](https://evil.example)',
      headings: ['*Swimwear*'],
      quote: 'no\n# swimwear',
      sourceUrl: 'https://example.com/a b>c',
    });
    expect(formatAnswer({ text: 'None [1].', citations: [one] }, 'markdown')).toBe(
      'None [1].\n\n' +
        '1. [Re\\[turns\\]\\(https://evil\\.example\\) › \\*Swimwear\\*](<https://example.com/a%20b%3Ec>) (doc\\-1\\.md, 100–150)\n' +
        '   > no \\# swimwear',
    );
  });
});

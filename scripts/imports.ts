// Reads the imports of a source file without a compiler: static, side-effect, re-exporting and dynamic ones, with their lines.

/**
 * Blanks out comments and the insides of template literals, and of strings where asked, keeping every line where it was.
 * A small scanner: it knows strings, templates with `${}`, comments and regular expressions, and nothing else.
 */
function maskSource(text: string, { strings = false }: { readonly strings?: boolean } = {}): string {
  const out: string[] = [];
  const blank = (from: number, to: number): void => {
    for (let i = from; i < to; i += 1) out.push(text[i] === '\n' ? '\n' : ' ');
  };
  // Depths of braces at which a `${` of an enclosing template was opened.
  const templates: number[] = [];
  let depth = 0;
  let i = 0;
  const skipTemplate = (start: number): number => {
    let at = start;
    while (at < text.length && text[at] !== '`' && !(text[at] === '$' && text[at + 1] === '{'))
      at += text[at] === '\\' ? 2 : 1;
    blank(start, at);
    if (text[at] === '`') {
      out.push('`');
      return at + 1;
    }
    if (at >= text.length) return at;
    out.push('  ');
    templates.push(depth);
    return at + 2;
  };
  while (i < text.length) {
    const char = text.charAt(i);
    const two = text.slice(i, i + 2);
    if (two === '//' || two === '/*') {
      const end = two === '//' ? text.indexOf('\n', i) : text.indexOf('*/', i + 2) + 2;
      const stop = end < i + 2 ? text.length : end;
      blank(i, stop);
      i = stop;
    } else if (char === "'" || char === '"') {
      let end = i + 1;
      while (end < text.length && text[end] !== char && text[end] !== '\n') end += text[end] === '\\' ? 2 : 1;
      if (strings) {
        out.push(char);
        blank(i + 1, end);
        out.push(text[end] ?? '');
      } else out.push(text.slice(i, end + 1));
      i = end + 1;
    } else if (char === '`') {
      out.push('`');
      i = skipTemplate(i + 1);
    } else if (char === '}' && templates.at(-1) === depth) {
      templates.pop();
      out.push(' ');
      i = skipTemplate(i + 1);
    } else if (char === '/' && startsRegex(out)) {
      const end = endOfRegex(text, i);
      blank(i, end);
      i = end;
    } else {
      if (char === '{') depth += 1;
      if (char === '}') depth -= 1;
      out.push(char);
      i += 1;
    }
  }
  return out.join('');
}

/** A slash begins a regular expression where no value can stand before it. */
function startsRegex(out: readonly string[]): boolean {
  const before = out.slice(-80).join('').trimEnd();
  return (
    before === '' || /[(,=:[!&|?{};+\-*%<>~^]$|\b(?:return|typeof|case|in|of|do|else|void|await|yield)$/.test(before)
  );
}

function endOfRegex(text: string, start: number): number {
  let inClass = false;
  for (let at = start + 1; at < text.length && text[at] !== '\n'; at += 1) {
    if (text[at] === '\\') at += 1;
    else if (text[at] === '[') inClass = true;
    else if (text[at] === ']') inClass = false;
    else if (text[at] === '/' && !inClass) return at + 1;
  }
  return start + 1;
}

const STATIC =
  /(?:^|[;}\n])\s*(import|export)\b\s*(type\b(?!\s*from\b)(?!\s*,))?([^'"`;()=]*?\bfrom\s*)?(['"])([^'"\n]+)\4/g;
const DYNAMIC = /(\btypeof\s+)?\bimport\s*\(\s*(['"])([^'"\n]+)\2/g;

export interface Import {
  readonly specifier: string;
  readonly line: number;
  /** `dynamic` runs code too, but only once it is reached. */
  readonly kind: 'value' | 'type' | 'dynamic';
}

/** In the order of the file. */
export function readImports(text: string): readonly Import[] {
  const masked = maskSource(text);
  const found: Import[] = [];
  for (const match of masked.matchAll(STATIC)) {
    const [whole, keyword = '', type, from, , specifier = ''] = match;
    // `export 'x'` is no import; `import 'x'` is.
    if (keyword === 'export' && from === undefined) continue;
    const at = match.index + whole.indexOf(keyword);
    found.push({ specifier, line: lineOf(masked, at), kind: type === undefined ? 'value' : 'type' });
  }
  for (const match of masked.matchAll(DYNAMIC)) {
    const kind = match[1] === undefined ? 'dynamic' : 'type';
    found.push({ specifier: match[3] ?? '', line: lineOf(masked, match.index), kind });
  }
  return found.sort((a, b) => a.line - b.line);
}

/** Lines on which the code (not a comment or a string) reads the environment. */
export function readEnvironmentUses(text: string): readonly number[] {
  const masked = maskSource(text, { strings: true });
  return [...masked.matchAll(/\bprocess\s*\??\.\s*env\b/g)].map((match) => lineOf(masked, match.index));
}

const lineOf = (text: string, index: number): number => text.slice(0, index).split('\n').length;

// A policy folder that does not take what the engine asks is told at once, with every action, and not by each run.
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { Answerable } from '../../policies/answerable.ts';
import { requireAnswerable, takesAmounts } from '../../policies/answerable.ts';
import { loadAccessPolicy } from '../../policies/load.ts';
import { UserError } from '../../runtime/errors.ts';
import { useTempFolder } from '../support/temp-folder.ts';

const OWN = fileURLToPath(new URL('../../policies', import.meta.url));
const folder = useTempFolder();

/** The project's own policies with another schema, and no policy but one, so that only the schema matters. */
function withSchema(name: string, change: (own: string) => string, asked?: Answerable): () => void {
  const path = folder.file(name);
  cpSync(OWN, path, { recursive: true });
  writeFileSync(`${path}/schema.cedarschema`, change(readFileSync(`${path}/schema.cedarschema`, 'utf8')));
  writeFileSync(`${path}/access.cedar`, '@id("nobody")\nforbid (principal, action, resource);\n');
  return () => requireAnswerable(loadAccessPolicy(path), path, asked);
}

describe('a policy folder', () => {
  it('of this version takes every question', () => {
    requireAnswerable(loadAccessPolicy(OWN), OWN);
    withSchema('as-it-is', (own) => own)();
  });

  it('with an earlier schema is refused, with every action that it does not take', () => {
    const check = withSchema('earlier', (own) => own.replaceAll(/^ *detected: Set<String>,\n/gm, ''));
    expect(check).toThrow(UserError);
    const said = messageOf(check);
    expect(said.match(/^- \w+/gm)).toEqual(['- ask', '- send_to_model']);
    expect(said).toContain('detected');
  });

  it('that knows of no compensation takes every question but those of tools that name one', () => {
    const change = (own: string): string => own.replace(/^ *compensates\?: String,\n/m, '');
    withSchema('without-compensations', change)();
    const said = messageOf(withSchema('with-compensations', change, { compensations: true }));
    expect(said.match(/^- .+?:/gm)).toEqual(['- call_tool with context.compensates:']);
  });

  it('without an attribute of a resource is refused, too', () => {
    const said = messageOf(withSchema('attribute', (own) => own.replace(/^ *host: String,\n/m, '')));
    expect(said.match(/^- \w+/gm)).toEqual(['- send_to_model']);
  });
});

describe('a schema without amounts', () => {
  const without = (own: string): string => own.replaceAll(/^ *(amount\?: Long|currency\?: String),\n/gm, '');

  it('will do where no tool has one', () => {
    withSchema('no-amounts', without)();
    withSchema('no-amounts', without, { amounts: false })();
    expect(takesAmounts(loadAccessPolicy(folder.file('no-amounts')))).toBe(false);
  });

  it('is refused where a tool has one: each of its calls would fail', () => {
    const said = messageOf(withSchema('no-amounts-asked', without, { amounts: true }));
    expect(said.match(/^- .+ with an amount/gm)).toEqual(['- call_tool with an amount', '- approve with an amount']);
    expect(said).toContain('amount');
  });

  it('is not that of this version', () => {
    requireAnswerable(loadAccessPolicy(OWN), OWN, { amounts: true });
    expect(takesAmounts(loadAccessPolicy(OWN))).toBe(true);
  });
});

function messageOf(check: () => void): string {
  try {
    check();
  } catch (error) {
    return (error as Error).message;
  }
  return '';
}

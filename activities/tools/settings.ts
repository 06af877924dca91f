// Values that whoever runs a worker gives to its tools: written out, or by the name of a `TOOL_*` variable, so that secrets stay in
// the environment.
import { readToolSettings } from '../../runtime/config.ts';
import { UserError } from '../../runtime/errors.ts';

/** A text, or the name of a variable that holds it, with what goes before it (`Bearer `). */
export type Setting = string | { readonly setting: string; readonly after?: string };

/** @throws UserError naming what is not set */
export function resolveSettings(
  values: Readonly<Record<string, Setting>>,
  settings: Readonly<Record<string, string>> = readToolSettings(),
): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, resolved(value, settings)]));
}

function resolved(value: Setting, settings: Readonly<Record<string, string>>): string {
  if (typeof value === 'string') return value;
  const { setting, after = '' } = value;
  const found = Object.hasOwn(settings, setting) ? settings[setting] : undefined;
  if (found !== undefined) return `${after}${found}`;
  throw new UserError(`A tool needs ${setting}, which is not in the environment`, {
    hint: `Set ${setting}; only variables that begin with TOOL_ reach tools.`,
  });
}

// Values that whoever runs a worker gives to its tools: written out, or by the name of a `TOOL_*` variable, so that secrets stay in
// the environment.
import { readToolSettings } from '../../runtime/config.ts';
import { UserError } from '../../runtime/errors.ts';

/** A text, or the name of a variable that holds it, with what goes before it (`Bearer `). */
export type Setting = string | { readonly setting: string; readonly after?: string };

/** The value of a variable. @throws Error naming one that is not set */
export type ReadSetting = (name: string) => string;

/** @throws UserError naming what is not set */
export function resolveSettings(
  values: Readonly<Record<string, Setting>>,
  settings?: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  const read = readerOf(settings);
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, settingText(value, read)]));
}

/** As `resolveSettings`, for headers. @throws UserError, also for what no header can carry */
export const resolveHeaders = (
  values: Readonly<Record<string, Setting>>,
  settings?: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> => headersOf(values, readerOf(settings));

/** Lower-case names. @throws UserError for what no header can carry: whoever sends it would repeat the value in its error */
export function headersOf(
  values: Readonly<Record<string, Setting>>,
  read: ReadSetting,
): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => {
      const text = settingText(value, read).trim();
      if (/^[\t\x20-\x7e]*$/.test(text)) return [name.toLowerCase(), text];
      const what = typeof value === 'string' ? 'its value' : value.setting;
      throw new UserError(`The header ${name} cannot carry ${what}`, {
        hint: 'It takes printable ASCII on one line.',
      });
    }),
  );
}

export const settingText = (value: Setting, read: ReadSetting): string =>
  typeof value === 'string' ? value : `${value.after ?? ''}${read(value.setting)}`;

export function readerOf(settings: Readonly<Record<string, string>> = readToolSettings()): ReadSetting {
  return (name) => {
    const found = Object.hasOwn(settings, name) ? settings[name] : undefined;
    if (found !== undefined) return found;
    throw new UserError(`A tool needs ${name}, which is not in the environment`, {
      hint: `Set ${name}; only variables that begin with TOOL_ reach tools.`,
    });
  };
}

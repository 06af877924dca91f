// `countersign subject`: what is kept of a person, and its end.

import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import type { Command } from 'commander';
import type { Hold } from '../../privacy/holds.ts';
import type { Privacy } from '../../privacy/open-privacy.ts';
import type { Subject } from '../../privacy/subject-runs.ts';
import { loadConfig } from '../../runtime/config.ts';
import { UserError } from '../../runtime/errors.ts';
import { DEFAULT_TENANT, parseRunId } from '../../workflows/protocol/index.ts';
import { settings } from '../context.ts';
import { alignTable, note, paint, print, printJson, progressLine } from '../output.ts';

interface CommonOptions {
  readonly tenant: string;
  readonly home?: string;
  readonly json?: boolean;
}

const common = (command: Command): Command =>
  command
    .option('--tenant <name>', 'whose subject', DEFAULT_TENANT)
    .option('--home <dir>', 'data folder of the running stack')
    .option('--json', 'print JSON');

export function register(program: Command): void {
  const subject = program.command('subject').description('export and erase what is kept of a person');
  common(subject.command('export').description('everything that is kept of a subject, readable, one JSON object a run'))
    .argument('<id>', 'the subject, as starts name it: the principal, unless a start says otherwise')
    .option('--out <file>', 'write it there (readable by you alone) instead of to standard output')
    .addHelpText('after', '\nExample:\n  $ npx countersign subject export customer-17 --out customer-17.jsonl')
    .action(exportRuns);
  common(subject.command('erase').description('end the open runs of a subject, destroy its key, leave a tombstone'))
    .argument('<id>', 'the subject, as starts name it')
    .requiredOption('--reason <text>', 'why, for example a ticket; kept in clear, so no personal data')
    .requiredOption('--by <who>', 'who erases; stands in the tombstone')
    .option('--yes', 'do not ask')
    .addHelpText(
      'after',
      '\nIt cannot be undone. Backups made earlier still have the wrapped key: docs/privacy.md says what follows.',
    )
    .addHelpText(
      'after',
      '\nExample:\n  $ npx countersign subject erase customer-17 --reason TICKET-4711 --by ada --yes',
    )
    .action(erase);
  common(subject.command('hold').description('keep a subject, or one run, from being erased'))
    .argument('<id>', 'the subject, or a run id')
    .requiredOption('--reason <text>', 'why')
    .requiredOption('--by <who>', 'by whose word')
    .addHelpText(
      'after',
      '\nExample:\n  $ npx countersign subject hold customer-17 --reason "case 8 O 12/26" --by legal',
    )
    .action(hold);
  common(subject.command('holds').description('holds that stand, latest first'))
    .option('--all', 'lifted ones, too')
    .addHelpText('after', '\nExample:\n  $ npx countersign subject holds')
    .action(holds);
  common(subject.command('lift').description('lift a hold'))
    .argument('<hold>', 'id of the hold')
    .requiredOption('--by <who>', 'by whose word')
    .addHelpText('after', '\nExample:\n  $ npx countersign subject lift 01JD… --by legal')
    .action(lift);
}

async function withPrivacy<T>(options: CommonOptions, use: (privacy: Privacy) => Promise<T>): Promise<T> {
  const { openPrivacy } = await import('../../privacy/open-privacy.ts');
  const { env } = settings(options.home);
  await using privacy = await openPrivacy(loadConfig({ role: 'owner', env }), loadConfig({ role: 'gateway', env }));
  return await use(privacy);
}

async function named(privacy: Privacy, id: string, { tenant }: CommonOptions): Promise<Subject> {
  const { subjectOf } = await import('../../privacy/subject-runs.ts');
  return await subjectOf(privacy.keys, tenant, id);
}

async function exportRuns(id: string, options: CommonOptions & { readonly out?: string }): Promise<void> {
  const { exportSubject } = await import('../../privacy/export-subject.ts');
  await withPrivacy(options, async (privacy) => {
    const subject = await named(privacy, id, options);
    // `wx`: nothing is overwritten.
    const out =
      options.out === undefined ? process.stdout : createWriteStream(options.out, { flags: 'wx', mode: 0o600 });
    if (out !== process.stdout) await once(out, 'open');
    let runs = 0;
    let missing = 0;
    for await (const run of exportSubject(privacy, subject)) {
      runs += 1;
      missing += run.missing.length;
      if (!out.write(`${JSON.stringify(run)}\n`)) await once(out, 'drain');
    }
    if (out !== process.stdout) {
      out.end();
      await once(out, 'finish');
    }
    const where = options.out === undefined ? '' : ` in ${options.out}`;
    note(
      `${runs} ${runs === 1 ? 'run' : 'runs'} of ${id}${where}${missing === 0 ? '' : `; ${missing} parts could not be read, each says why`}`,
    );
    process.exitCode = missing === 0 ? 0 : 2;
  });
}

interface EraseOptions extends CommonOptions {
  readonly reason: string;
  readonly by: string;
  readonly yes?: boolean;
}

async function erase(id: string, options: EraseOptions): Promise<void> {
  const { eraseSubject } = await import('../../privacy/erase-subject.ts');
  const { runsOf } = await import('../../privacy/subject-runs.ts');
  await withPrivacy(options, async (privacy) => {
    const subject = await named(privacy, id, options);
    if (!options.yes) {
      const { length } = await runsOf(privacy.sql, subject);
      throw new UserError(`Erasing ${id} would make ${length} ${length === 1 ? 'run' : 'runs'} unreadable for good`, {
        hint: 'Look at them with `subject export`; then run this again with --yes.',
        exitCode: 64,
      });
    }
    const progress = progressLine('erasing');
    const erasure = await eraseSubject({ ...privacy, signer: await privacy.signer() }, subject, {
      by: options.by,
      reason: options.reason,
      onProgress: (done, of) => progress.update(`${done} of ${of} runs ended`, done / of),
    });
    progress.done();
    if (options.json) return printJson({ tenant: options.tenant, subject: subject.pseudonym, ...erasure });
    if (!erasure.hadKey) {
      print(`nothing to erase: there is no key of ${id}`);
      return note('either it was erased before, or no run names this subject');
    }
    print(
      `${paint('bold', id)} is erased: ${erasure.runs} runs are unreadable, ${erasure.ended} of them were open and ended`,
    );
    print(`  ${erasure.blobs} big payloads removed; the tombstone stands in the ledger`);
  });
}

async function hold(
  id: string,
  options: CommonOptions & { readonly reason: string; readonly by: string },
): Promise<void> {
  const { placeHold } = await import('../../privacy/holds.ts');
  await withPrivacy(options, async (privacy) => {
    const parts = parseRunId(id);
    const on =
      parts === undefined
        ? { subject: await named(privacy, id, options) }
        : { runId: id as Hold['runId'] & string, tenant: parts.tenant };
    const placed = await placeHold(privacy.sql, { on, reason: options.reason, by: options.by });
    if (options.json) printJson(placed);
    else print(`${paint('bold', id)} is on hold: ${placed.id}`);
  });
}

async function holds(options: CommonOptions & { readonly all?: boolean }): Promise<void> {
  const { listHolds } = await import('../../privacy/holds.ts');
  await withPrivacy(options, async ({ sql }) => {
    const found = await listHolds(sql, { tenant: options.tenant, standing: options.all !== true });
    if (options.json) return printJson(found);
    if (found.length === 0) return note('no hold stands');
    const rows = found.map((each) => [
      each.id,
      each.runId ?? `subject ${(each.subject ?? '').slice(0, 24)}…`,
      each.placedBy,
      each.placedAt.toISOString().slice(0, 10),
      each.liftedBy === null ? each.reason : `lifted by ${each.liftedBy}`,
    ]);
    print(alignTable([['HOLD', 'ON', 'BY', 'SINCE', 'REASON'], ...rows]));
  });
}

async function lift(id: string, options: CommonOptions & { readonly by: string }): Promise<void> {
  const { liftHold } = await import('../../privacy/holds.ts');
  await withPrivacy(options, async ({ sql }) => {
    await liftHold(sql, options.tenant, id, options.by);
    if (options.json) printJson({ id, lifted: true });
    else print(`lifted ${id}`);
  });
}

// `countersign retention`: lets go of what was kept long enough.
import type { Command } from 'commander';
import { loadConfig } from '../../runtime/config.ts';
import { DEFAULT_TENANT } from '../../workflows/protocol/index.ts';
import { settings } from '../context.ts';
import { print, printJson } from '../output.ts';

interface ApplyOptions {
  readonly contentDays?: string;
  readonly factsDays?: string;
  readonly securityDays?: string;
  readonly dryRun?: boolean;
  readonly tenant: string;
  readonly home?: string;
  readonly json?: boolean;
}

export function register(program: Command): void {
  program
    .command('retention')
    .description('let go of what was kept long enough, by class; nothing that is on hold or has not ended')
    .command('apply')
    .description('destroy the keys of runs, and delete rows, that are older than so many days')
    .option('--content-days <n>', 'what was said, by destroying the keys of runs that ended so long ago')
    .option('--facts-days <n>', 'all rows of runs that ended so long ago; not before their content')
    .option('--security-days <n>', 'lines of the security log')
    .option('--dry-run', 'only count')
    .option('--tenant <name>', 'whose', DEFAULT_TENANT)
    .option('--home <dir>', 'data folder of the running stack')
    .option('--json', 'print the counts as JSON')
    .addHelpText('after', '\nRun it from a scheduler, as the owner of the database. It cannot be undone.')
    .addHelpText(
      'after',
      '\nExample:\n  $ npx countersign retention apply --content-days 90 --facts-days 730 --dry-run',
    )
    .action(apply);
}

async function apply(options: ApplyOptions): Promise<void> {
  const { applyRetention } = await import('../../privacy/apply-retention.ts');
  const { openPrivacy } = await import('../../privacy/open-privacy.ts');
  const { env } = settings(options.home);
  await using privacy = await openPrivacy(loadConfig({ role: 'owner', env }), loadConfig({ role: 'gateway', env }));
  const { tenant, contentDays, factsDays, securityDays, dryRun = false } = options;
  const retention = {
    tenant,
    ...(contentDays !== undefined && { contentDays: Number(contentDays) }),
    ...(factsDays !== undefined && { factsDays: Number(factsDays) }),
    ...(securityDays !== undefined && { securityDays: Number(securityDays) }),
  };
  const kept = await applyRetention(privacy, retention, dryRun);
  if (options.json) return printJson({ dryRun, ...kept });
  const would = dryRun ? 'would be ' : '';
  print(`content of ${kept.contentOfRuns} runs ${would}destroyed, ${kept.blobs} big payloads removed`);
  print(`facts of ${kept.factsOfRuns} runs ${would}deleted`);
  print(`${kept.securityLines} lines of the security log ${would}deleted`);
}

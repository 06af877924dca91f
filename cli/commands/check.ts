// `countersign check`: whether something is as it should be, as an exit code for machines.
import type { Command } from 'commander';
import { messageOf, UserError } from '../../runtime/errors.ts';
import { cost } from '../check/cost.ts';
import { evals } from '../check/evals.ts';
import { index } from '../check/index-check.ts';
import { release } from '../check/release.ts';
import { replay } from '../check/replay.ts';
import { collect } from '../option-values.ts';

const VERDICT_CODES =
  '\nExit codes: 0 passed; 1 failed; 2 undecided: too few cases, too many errors, or something could not be checked.';

const reporting = (command: Command): Command =>
  command
    .option('--junit <file>', 'write the verdict as JUnit XML, too')
    .option('--summary <file>', 'append the verdict to this file as Markdown, for example "$GITHUB_STEP_SUMMARY"')
    .option('--json', 'print the verdict as JSON')
    .option('--home <dir>', 'data folder of the running stack');

const asking = (command: Command): Command =>
  reporting(command)
    .option('--html <file>', 'write the evaluation as one HTML page; it holds replies')
    .option('--trials <n>', 'how often each case is asked (default: as the set says, once)')
    .option('--concurrency <n>', 'cases asked at once (default: 8)')
    .option('--as <id>', 'ask as this development identity (default: customer; staff for releases with tools)')
    .option('--evaluation <id>', 'judge this evaluation, with what people marked since, in place of a new one')
    .option('--anew', 'begin another evaluation, where one was cut off')
    .option('--ephemeral', 'on a stack that is started for it, and thrown away')
    .option('--documents <collection=folder>', 'ingested first; again for another', collect, []);

/** Whoever waits for yes or no must not take "could not be checked" for no. */
const undecidedOnError =
  <Args extends readonly unknown[]>(action: (...args: Args) => Promise<void>) =>
  async (...args: Args): Promise<void> => {
    try {
      await action(...args);
    } catch (error) {
      if (error instanceof UserError && error.exitCode === 64) throw error;
      const hint = error instanceof UserError ? error.hint : undefined;
      throw new UserError(messageOf(error), { ...(hint !== undefined && { hint }), exitCode: 2, cause: error });
    }
  };

export function register(program: Command): void {
  const check = program.command('check').description('say by exit code whether something is as it should be');
  check
    .command('index')
    .description('whether a collection is whole, of its folder as it is now, and of the encoder of the worker')
    .requiredOption('--collection <name>', 'the collection')
    .option('--as <id>', 'check as this development identity (default: operator)')
    .option('--home <dir>', 'data folder of the running stack')
    .option('--json', 'print what was found as JSON')
    .addHelpText(
      'after',
      '\nExit codes: 0 as it should be; 1 empty, incomplete, stale, drifted from its folder, of another encoder, or embedded otherwise than collections.yaml says; 2 its folder cannot be read.',
    )
    .addHelpText('after', '\nExample:\n  $ npx countersign check index --collection refund-policy-docs')
    .action(undecidedOnError(index));
  asking(check.command('evals').description('evaluate a release on a set of cases, and say whether it passes'))
    .requiredOption('--suite <name>', 'a set beside a release, or a file of cases')
    .option('--min-pass-rate <share>', 'to be proven, 0 to 1', '0.92')
    .option('--release <ref>', 'NAME, NAME@VERSION or NAME@LABEL (default: the one that the set stands beside, at dev)')
    .option(
      '--baseline <label>',
      'a label or version that it must not be worse than, measured on the same cases before',
    )
    .option('--max-average-cost-usd <usd>', 'most that a trial may cost on average (default: no limit)')
    .addHelpText('after', VERDICT_CODES)
    .addHelpText(
      'after',
      '\nExample:\n  $ npx countersign check evals --suite support_refund_eval_v3 --min-pass-rate 0.92 --baseline production',
    )
    .action(undecidedOnError(evals));
  reporting(check.command('cost').description('what the latest evaluation cost a case on average'))
    .requiredOption('--max-average-cost-usd <usd>', 'most that it may be')
    .option('--release <ref>', 'of this release (default: whichever was evaluated last)')
    .addHelpText('after', VERDICT_CODES)
    .addHelpText('after', '\nExample:\n  $ npx countersign check cost --max-average-cost-usd 0.03')
    .action(undecidedOnError(cost));
  reporting(check.command('replay').description('whether the workflow code of today takes the steps that runs took'))
    .option('--runs <n>', 'the latest runs, 0 to 1000', '200')
    .option('--histories <dir>', 'and the histories in this folder')
    .option('--workflows <file>', "the workflows file that made them (default: the engine's own)")
    .addHelpText('after', VERDICT_CODES)
    .addHelpText('after', '\nExample:\n  $ npx countersign check replay --histories test/replay/histories')
    .action(undecidedOnError(replay));
  asking(check.command('release').description('all checks of a release; its report is what `release promote` goes by'))
    .argument('<ref>', 'NAME@VERSION')
    .option('--suite <name>', 'a set beside a release, or a file of cases (default: the eval_set of its manifest)')
    .option('--min-pass-rate <share>', 'to be proven, 0 to 1 (default: what the risk class demands)')
    .option(
      '--baseline <label>',
      'that it must not be worse than; measured first where it was not (default: production, where there is one)',
    )
    .option('--max-average-cost-usd <usd>', 'most that a trial may cost on average (default: no limit)')
    .option('--histories <dir>', 'replay the histories in this folder, too')
    .option('--workflows <file>', "the workflows file that made the runs (default: the engine's own)")
    .option('--by <who>', 'who asks, for the report', 'ci')
    .addHelpText('after', VERDICT_CODES)
    .addHelpText('after', '\nExample:\n  $ npx countersign check release support_refund_answer@1.4.0')
    .action(undecidedOnError(release));
}

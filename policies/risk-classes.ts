// Risk classes: what a release or a tool of each class demands, as data beside the policies and under their digest.
import { z } from 'zod';
import type { ApprovalDemand, Risk, Sensitivity } from '../workflows/protocol/index.ts';
import { SENSITIVITY_RANK } from '../workflows/protocol/index.ts';
import { DEFAULT_EXPIRES_AFTER_MS, DEFAULT_USE_WITHIN_MS, MAX_QUORUM } from './approval-demand.ts';
import { isName } from './names.ts';
import { readData } from './read-data.ts';

/** Lowest first. */
export const RISKS = ['low', 'medium', 'high', 'critical'] as const satisfies readonly Risk[];

/** The lowest quorum that the class `critical` may ask for: one person alone never decides what is critical. */
const MIN_CRITICAL_QUORUM = 2;

const classSchema = z.strictObject({
  eval_cases: z.int().min(0).max(100_000),
  /** @default false */
  described: z.boolean().default(false),
  /** That a gate holds a release to, 0–1. @default 0.92 */
  min_pass_rate: z.number().min(0).max(1).default(0.92),
  tools_up_to: z.enum(['none', ...RISKS]),
  models: z
    .array(z.string().regex(/^[A-Za-z0-9._*/-]+$/, 'expected provider/name, or a pattern with * for anything'))
    .min(1),
  max_sensitivity: z.enum(['public', 'internal', 'confidential', 'restricted']),
  calls: z
    .strictObject({
      approval: z.enum(['policy', 'always']),
      quorum: z.int().min(1).max(MAX_QUORUM),
      groups: z.array(z.string().refine(isName, 'not a group')).min(1).optional(),
    })
    .refine(({ approval, groups }) => approval === 'policy' || groups !== undefined, {
      path: ['groups'],
      message: 'says who is asked where no policy does: needed with `approval: always`',
    }),
  audit: z.enum(['trace', 'evidence']),
});

const schema = z.strictObject({
  v: z.literal(1),
  classes: z
    .strictObject({ low: classSchema, medium: classSchema, high: classSchema, critical: classSchema })
    .refine(({ critical }) => critical.calls.quorum >= MIN_CRITICAL_QUORUM, {
      path: ['critical', 'calls', 'quorum'],
      message: `at least ${MIN_CRITICAL_QUORUM}: one person alone never decides what is critical`,
    }),
});

export type RiskClass = Readonly<z.infer<typeof classSchema>>;
export type RiskClasses = Readonly<Record<Risk, RiskClass>>;

/** As verdicts name a class that made them, or made them stricter. */
export const classRule = (risk: Risk): string => `risk-class:${risk}`;

/** @throws UserError naming the file and each field at fault */
export function loadRiskClasses(path: string): RiskClasses {
  return readData(path, schema, {
    what: 'risk classes',
    unreadable:
      'They stand beside access.cedar. Run from the project folder, or name the folder in COUNTERSIGN_POLICIES.',
    malformed: 'docs/policies.md says what each class has.',
  }).classes;
}

/** A risk that is none of ours counts as the highest. */
export const classOf = (classes: RiskClasses, risk: Risk): RiskClass =>
  Object.hasOwn(classes, risk) ? classes[risk] : classes.critical;

export const isRiskier = (risk: Risk, than: RiskClass['tools_up_to']): boolean =>
  than === 'none' || RISKS.indexOf(risk) > RISKS.indexOf(than);

/** @param model as `provider/name` */
export const allowsModel = ({ models }: RiskClass, model: string): boolean =>
  models.some((pattern) => matches(pattern, model));

export const allowsSensitivity = ({ max_sensitivity: most }: RiskClass, sensitivity: Sensitivity): boolean =>
  SENSITIVITY_RANK[sensitivity] <= SENSITIVITY_RANK[most];

export interface ClassedDemand {
  readonly demand: ApprovalDemand | undefined;
  /** Classes that made it stricter. */
  readonly rules: readonly string[];
}

/**
 * What the classes of a call's tool and release make of what the policies demand: never less, the largest quorum. A class whose calls
 * always wait for people makes a demand where the policies make none.
 */
export function withClasses(
  classes: RiskClasses,
  { tool, release }: { readonly tool: Risk; readonly release: Risk },
  demand: ApprovalDemand | undefined,
): ClassedDemand {
  const own = classOf(classes, tool).calls;
  const asked = demand ?? (own.approval === 'always' ? demandOf(own.groups ?? []) : undefined);
  if (asked === undefined) return { demand: undefined, rules: [] };
  const n = Math.max(asked.quorum.n, own.quorum, classOf(classes, release).calls.quorum);
  const stricter = [tool, release].filter(
    (risk) => classOf(classes, risk).calls.quorum > asked.quorum.n || (demand === undefined && risk === tool),
  );
  return {
    demand: { ...asked, quorum: { ...asked.quorum, n } },
    rules: [...new Set(stricter.map(classRule))].sort(),
  };
}

function demandOf(groups: readonly string[]): ApprovalDemand {
  return {
    quorum: { n: 1, groups: [...groups].sort() },
    expiresAfterMs: DEFAULT_EXPIRES_AFTER_MS,
    useWithinMs: DEFAULT_USE_WITHIN_MS,
  };
}

function matches(pattern: string, model: string): boolean {
  const parts = pattern.split('*').map((part) => part.replace(/[.]/g, '\\.'));
  return new RegExp(`^${parts.join('.*')}$`).test(model);
}

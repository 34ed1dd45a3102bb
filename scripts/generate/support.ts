import { allActions } from '../../src/actions/all.ts';
import { planned, type PlanClass } from '../../src/actions/plan.ts';
import { linuxImplementations } from '../../src/daemon/linux-registry.ts';
import { handleAnswers } from '../../src/handle/handle-actions.ts';
import { isImplemented } from './api-docs.ts';

/** Marks in a document between which the support table is kept. */
export const BEGIN = '<!-- support:begin -->';
/** End mark of the support table. */
export const END = '<!-- support:end -->';

const CLASSES: Readonly<Record<PlanClass, string>> = {
  read: 'reading, and the handle itself',
  write: 'writing',
  later: 'encryption, RAID, btrfs, registry, ...',
  appliance: 'what needs a Linux kernel or programs of the guest',
  alias: 'deprecated names',
  internal: 'internal and debugging',
};

/** Names of the actions of a class in three groups: proven, there without proof, not there. */
function sorted(
  list: PlanClass,
  proven: ReadonlySet<string>,
): { proven: string[]; there: string[]; missing: string[] } {
  const groups = { proven: [] as string[], there: [] as string[], missing: [] as string[] };
  for (const { name } of allActions) {
    if (planned(name) !== list) continue;
    if (!isImplemented(name)) groups.missing.push(name);
    else if (proven.has(name)) groups.proven.push(name);
    else groups.there.push(name);
  }
  return groups;
}

/** Actions that ended well in a test, by the backend on which they did. */
export interface Proven {
  readonly engine: ReadonlySet<string>;
  readonly appliance: ReadonlySet<string>;
}

/** What the handle answers by itself is the same on every backend. */
function onAppliance(name: string, { engine, appliance }: Proven): boolean {
  return appliance.has(name) || (handleAnswers(name) && engine.has(name));
}

/**
 * The support table: how many actions of each class work on the engine and in the appliance, counted as working only
 * where a test ran them with success, and which do not.
 */
export function supportTable(proven: Proven): string {
  let text = '| actions | in the API | work on the engine | work in the appliance |\n|---|---|---|---|\n';
  const missing: string[] = [];
  let all = 0;
  let works = 0;
  let inAppliance = 0;
  for (const [name, words] of Object.entries(CLASSES) as [PlanClass, string][]) {
    const groups = sorted(name, proven.engine);
    const appliance = allActions.filter(
      (action) => planned(action.name) === name && onAppliance(action.name, proven),
    ).length;
    inAppliance += appliance;
    const count = groups.proven.length + groups.there.length + groups.missing.length;
    all += count;
    works += groups.proven.length;
    text += `| ${words} | ${count} | ${groups.proven.length} | ${appliance} |\n`;
    if (groups.there.length > 0) missing.push(...groups.there);
  }
  text += `| **all** | **${all}** | **${works}** | **${inAppliance}** |\n`;
  if (missing.length > 0) {
    text += `\nThere on the engine, but without a test that ran them: ${missing.map((name) => `\`${name}\``).join(', ')}.\n`;
  }
  const unproven = allActions
    .map(({ name }) => name)
    .filter((name) => Object.hasOwn(linuxImplementations, name) && !onAppliance(name, proven));
  if (unproven.length > 0) {
    text += `\nThere in the appliance, but without a run that ended well: ${unproven.map((name) => `\`${name}\``).join(', ')}.\n`;
  }
  return text;
}

/** A document with the table between its marks replaced. Throws where the marks are missing. */
export function withSupportTable(document: string, table: string): string {
  const begin = document.indexOf(BEGIN);
  const end = document.indexOf(END);
  if (begin < 0 || end < begin) throw new Error(`the document has no ${BEGIN} ... ${END}`);
  return `${document.slice(0, begin + BEGIN.length)}\n${table}${document.slice(end)}`;
}

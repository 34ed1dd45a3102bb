import { accessSync, constants } from 'node:fs';
import { actionEntry, actionNames } from '../../actions/table.ts';
import { needsKernel } from '../../daemon/kernel-actions.ts';
import { implementations } from '../../daemon/registry.ts';
import { groupProblem } from '../../platform/linux/groups.ts';
import { findProgram } from '../../platform/linux/run-tool.ts';
import { daemonBundle, fixedAppliance } from '../appliance/build/locate.ts';
import type { MachineSettings } from '../appliance/launch/settings.ts';

/** Answers of internal_feature_available. */
const AVAILABLE = 0;
const NOT_AVAILABLE = 1;

/**
 * Whether an appliance would have a feature group, judged without starting one: there is a daemon and a program for the
 * machine, and the host has the programs that the group needs, which the appliance is made of.
 */
export function featureAvailable(group: string, settings: MachineSettings | undefined): number {
  if (settings === undefined || !canRun(settings.hv)) return NOT_AVAILABLE;
  if (fixedAppliance(settings.path) === undefined && daemonBundle() === undefined) return NOT_AVAILABLE;
  const has = (program: string): boolean => findProgram(program) !== undefined;
  if (groupProblem(group, { has }, true) !== undefined) return NOT_AVAILABLE;
  const actions = actionNames.filter((name) => actionEntry(name)?.group === group);
  const known = (name: string): boolean =>
    actionEntry(name)?.where !== 'daemon' || Object.hasOwn(implementations, name) || needsKernel(name);
  return actions.length > 0 && actions.every(known) ? AVAILABLE : NOT_AVAILABLE;
}

function canRun(program: string): boolean {
  if (!program.includes('/')) return findProgram(program) !== undefined;
  try {
    accessSync(program, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

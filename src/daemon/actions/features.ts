import { arch, version } from 'node:process';
import { planned } from '../../actions/plan.ts';
import { actionEntry, actionNames } from '../../actions/table.ts';
import { packageVersion } from '../../actions/version.ts';
import type { ActionContext } from '../context.ts';
import { DAEMON_SLOT, type DaemonInfo } from '../daemon-info.ts';
import type { DaemonActions } from '../generated/contract.ts';

/** Answers of internal_feature_available. */
const AVAILABLE = 0;
const NOT_AVAILABLE = 1;
const UNKNOWN_GROUP = 2;

/** Groups that older versions had and every daemon now has by itself. */
const RETIRED_GROUPS = ['augeas', 'realpath'];

let groups: Map<string, string[]> | undefined;

/** Feature groups with the actions of each. */
function actionsByGroup(): Map<string, string[]> {
  if (groups === undefined) {
    groups = new Map();
    for (const name of actionNames) {
      const group = actionEntry(name)?.group;
      if (group === undefined) continue;
      const list = groups.get(group);
      if (list === undefined) groups.set(group, [name]);
      else list.push(name);
    }
  }
  return groups;
}

function info(context: ActionContext): DaemonInfo {
  return context.state.slot<DaemonInfo>(DAEMON_SLOT, () => ({ implements: () => false }));
}

/**
 * A group is there when its reading actions are, or, where none of its actions only reads, all of them: who asks
 * for `lvm2` in order to list volumes must hear yes of an engine that cannot create them.
 */
function groupAvailable(context: ActionContext, group: string, actions: readonly string[]): boolean {
  if (context.platform.name === 'linux') {
    return (
      context.platform.unavailable?.(group) === undefined && actions.every((name) => offered(context, name))
    );
  }
  const reading = actions.filter((name) => planned(name) === 'read');
  const needed = reading.length > 0 ? reading : actions;
  return needed.every((name) => info(context).implements(name));
}

/** Whether an action is there, or is none of a daemon's. */
function offered(context: ActionContext, name: string): boolean {
  return actionEntry(name)?.where !== 'daemon' || info(context).implements(name);
}

/** Machine name as uname(1) spells it. */
function machine(): string {
  const names: Record<string, string> = { x64: 'x86_64', arm64: 'aarch64', ia32: 'i686', arm: 'armv7l' };
  return names[arch] ?? arch;
}

/** What this daemon can do. */
export const featuresActions = {
  available_all_groups: () => [...new Set([...actionsByGroup().keys(), ...RETIRED_GROUPS])].sort(),

  internal_feature_available(context, group) {
    const actions = actionsByGroup().get(group);
    if (actions !== undefined) return groupAvailable(context, group, actions) ? AVAILABLE : NOT_AVAILABLE;
    return RETIRED_GROUPS.includes(group) ? AVAILABLE : UNKNOWN_GROUP;
  },

  utsname: () => ({
    utsSysname: 'guestfs-engine',
    utsRelease: packageVersion,
    utsVersion: `Node.js ${version}`,
    utsMachine: machine(),
  }),
} satisfies Partial<DaemonActions>;

import type { Implementations } from './daemon.ts';

/** A topic that can be loaded alone. */
interface Topic {
  /** What its actions' names begin with. An action that is not in it after all is looked for in the whole registry. */
  names: RegExp;
  load(): Promise<Implementations>;
}

/**
 * Topics beside the light ones that a tool may need one or two of: loading the whole registry takes as long as all
 * else that a short run does. The order has no meaning.
 */
const TOPICS: readonly Topic[] = [
  { names: /^inspect_/, load: async () => (await import('./actions/inspect.ts')).inspectActions },
  { names: /^part_/, load: async () => (await import('./actions/partitions.ts')).partitionsActions },
  { names: /^(pv|vg|lv)/, load: async () => (await import('./actions/lvm.ts')).lvmActions },
  { names: /^mk(e2)?fs/, load: async () => (await import('./actions/mkfs.ts')).mkfsActions },
  {
    names: /^(mkdir|mkdtemp|mknod|rm)/,
    load: async () => (await import('./actions/names.ts')).namesActions,
  },
  {
    names: /^(tar|cpio|base64)_/,
    load: async () => (await import('./actions/archive.ts')).archiveActions,
  },
];

/** The topic that has an action, by its name, or undefined where only the registry can tell. */
export function topicOf(action: string): Promise<Implementations> | undefined {
  return TOPICS.find(({ names }) => names.test(action))?.load();
}

import { programArguments } from './common/program-arguments.ts';

/** A tool: takes its arguments, resolves to the exit status, never rejects. */
export type ToolMain = (args: readonly string[]) => Promise<number>;

/** Every tool by the name of its command; each is loaded when it is started. */
const tools: Readonly<Record<string, () => Promise<{ main: ToolMain }>>> = {
  guestfs: () => import('./guestfs.ts'),
  guestfish: () => import('./guestfish.ts'),
  'virt-cat': () => import('./virt-cat.ts'),
  'virt-edit': () => import('./virt-edit.ts'),
  'virt-customize': () => import('./virt-customize.ts'),
  'virt-resize': () => import('./virt-resize.ts'),
  'virt-sparsify': () => import('./virt-sparsify.ts'),
  'virt-diff': () => import('./virt-diff.ts'),
  'virt-format': () => import('./virt-format.ts'),
  'virt-make-fs': () => import('./virt-make-fs.ts'),
  'virt-copy-in': () => import('./virt-copy-in.ts'),
  'virt-tar-in': () => import('./virt-tar-in.ts'),
  'virt-ls': () => import('./virt-ls.ts'),
  'virt-df': () => import('./virt-df.ts'),
  'virt-filesystems': () => import('./virt-filesystems.ts'),
  'virt-inspector': () => import('./virt-inspector.ts'),
  'virt-log': () => import('./virt-log.ts'),
  'virt-rescue': () => import('./virt-rescue.ts'),
  'virt-tail': () => import('./virt-tail.ts'),
  'virt-tar': () => import('./virt-tar.ts'),
  'virt-tar-out': () => import('./virt-tar-out.ts'),
  'virt-copy-out': () => import('./virt-copy-out.ts'),
  'virt-list-filesystems': () => import('./virt-list-filesystems.ts'),
  'virt-list-partitions': () => import('./virt-list-partitions.ts'),
  'libguestfs-test-tool': () => import('./libguestfs-test-tool.ts'),
};

/** Names of all tools. */
export const toolNames: readonly string[] = Object.keys(tools);

/** Run a tool and resolve to its exit status. */
export async function runToolByName(name: string, args: readonly string[]): Promise<number> {
  const load = tools[name];
  if (load === undefined) throw new TypeError(`there is no tool ${name}`);
  return (await load()).main(args);
}

/** Run a tool as this process: its exit status becomes ours. */
export function start(name: string, args: readonly string[]): void {
  void runToolByName(name, programArguments(args)).then((status) => {
    // Everything was written synchronously; waiting for idle handles would only cost time.
    process.exit(status);
  });
}

import { GuestfsError, UnsupportedError } from '../errors/index.ts';
import type { ToolsCapability } from '../platform/tools-capability.ts';
import type { ActionContext, DeviceOrPath, MountableOrPath } from './context.ts';

/** The machine's programs. Throws ENOTSUP where the platform has none. */
export function toolsOf({ platform }: ActionContext): ToolsCapability {
  if (platform.tools === undefined) {
    throw new UnsupportedError('this needs a Linux kernel and its programs, which the appliance backend has');
  }
  return platform.tools;
}

/** Run a program about a device, and drop what it prints. */
export function runOnDevice(
  context: ActionContext,
  device: string,
  program: string,
  args: (node: string) => readonly string[],
): void {
  const tools = toolsOf(context);
  tools.run(program, args(tools.deviceNode(device)), { about: { device } });
}

/** Run a program about a file of the guest, and drop what it prints. */
export function runOnPath(
  context: ActionContext,
  path: string,
  program: string,
  args: (hostPath: string) => readonly string[],
): void {
  const tools = toolsOf(context);
  tools.run(program, args(guestPath(context, path)), { about: { path } });
}

/** The host's path of a file of the guest. Throws EINVAL while nothing is mounted. */
export function guestPath(context: ActionContext, path: string): string {
  wantMounted(context);
  return toolsOf(context).hostPath(path);
}

/** Throws EINVAL while nothing is mounted. */
export function wantMounted({ platform }: ActionContext): void {
  // The platform says so itself.
  void platform.files;
}

/** What programs open for a device or a file of the guest. */
export function nodeOrPath(context: ActionContext, where: DeviceOrPath): string {
  return 'device' in where ? toolsOf(context).deviceNode(where.device) : guestPath(context, where.path);
}

/** Run `use` with the host's path of a mounted filesystem, or of one that is mounted for it. */
export function withFilesystem<T>(
  context: ActionContext,
  where: MountableOrPath,
  use: (hostPath: string) => T,
): T {
  return 'path' in where
    ? use(guestPath(context, where.path))
    : toolsOf(context).withMounted(where.mountable, use);
}

/** `flag` and a value where there is one; nothing where there is none. */
export function optional(flag: string, value: string | number | undefined): string[] {
  return value === undefined ? [] : [flag, String(value)];
}

/** `flag` where it is set. */
export function when(condition: boolean | undefined, ...flags: readonly string[]): string[] {
  return condition === true ? [...flags] : [];
}

/** Throws EINVAL where an option is no positive number. */
export function wantPositive(value: number | undefined, name: string): void {
  if (value !== undefined && value <= 0) {
    throw new GuestfsError('EINVAL', `${name} is ${value}, expected a positive number`);
  }
}

/** Throws EINVAL where a text could be taken for an option of a program that knows no `--`. */
export function wantNoOption(value: string, name: string): void {
  if (value === '' || value.startsWith('-')) {
    throw new GuestfsError(
      'EINVAL',
      `${name} is ${JSON.stringify(value)}, which a program would take for an option`,
    );
  }
}

/** Lines of a program's output without the empty one at the end. */
export function outputLines(text: string): string[] {
  const lines = text.split('\n');
  if (lines.at(-1) === '') lines.pop();
  return lines;
}

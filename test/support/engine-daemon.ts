import { fileURLToPath } from 'node:url';
import { Daemon } from '../../src/daemon/daemon.ts';
import { implementations } from '../../src/daemon/registry.ts';
import { createEnginePlatform, type DriveConfig } from '../../src/platform/engine/index.ts';

/** The small guest that the demo opens. */
export const TINY_GUEST = fileURLToPath(new URL('../../examples/images/tiny-guest.qcow2', import.meta.url));

/** A daemon over the engine, for tests of actions. */
export interface EngineDaemon {
  /** Run an action. */
  call(name: string, ...args: unknown[]): unknown;
  /** Run an action with options. */
  callWith(name: string, options: object, ...args: unknown[]): unknown;
  /** Every warning so far. */
  warnings: string[];
  close(): void;
}

/** A daemon over the engine with these drives, read-only. */
export function engineDaemon(...drives: (string | Partial<DriveConfig>)[]): EngineDaemon {
  const warnings: string[] = [];
  const platform = createEnginePlatform({
    drives: drives.map((drive) => ({
      path: '',
      readonly: true,
      ...(typeof drive === 'string' ? { path: drive } : drive),
    })),
    warn: (message) => warnings.push(message),
  });
  const hooks = { warn: (message: string) => warnings.push(message), progress() {}, checkCancelled() {} };
  const daemon = new Daemon(platform, hooks, implementations);
  return {
    call: (name, ...args) => daemon.call(name, args),
    callWith: (name, options, ...args) => daemon.call(name, args, options),
    warnings,
    close: () => platform.close(),
  };
}

import type { DaemonActions } from './generated/contract.ts';
import { implementations } from './registry.ts';

/**
 * Every action of a daemon over a real Linux: those of the engine, some of them overridden by what a kernel does
 * differently, and those that only a kernel can do. The engine's daemon does not have the latter, and fails with
 * ENOTSUP where they are asked for.
 */
export const linuxImplementations: Partial<DaemonActions> = {
  ...implementations,
};

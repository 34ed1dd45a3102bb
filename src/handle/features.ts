import { GuestfsError, UnsupportedError } from '../errors/index.ts';
import type { HandleCore } from './core.ts';

/** Answers of internal_feature_available. */
const AVAILABLE = 0;
const UNKNOWN_GROUP = 2;

async function isAvailable(core: HandleCore, group: string): Promise<boolean> {
  const answer = await core.daemonCall('internal_feature_available', [group]);
  if (answer === UNKNOWN_GROUP) throw new GuestfsError('EINVAL', `${group}: there is no such feature group`);
  return answer === AVAILABLE;
}

/** Throws ENOTSUP for the first group that is not there, EINVAL for one that nobody knows. */
export async function available(core: HandleCore, groups: readonly string[]): Promise<void> {
  for (const group of groups) {
    if (await isAvailable(core, group)) continue;
    throw new UnsupportedError(
      `the feature group ${group} is not available on the ${core.settings.backend} backend`,
    );
  }
}

/** True if all groups are there. Throws EINVAL for one that nobody knows. */
export async function featureAvailable(core: HandleCore, groups: readonly string[]): Promise<boolean> {
  for (const group of groups) if (!(await isAvailable(core, group))) return false;
  return true;
}

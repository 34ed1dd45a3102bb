export { installedPackages } from './applications.ts';
export { GuestFiles } from './guest-files.ts';
export { iconOf, type IconOptions } from './icon.ts';
export { inspectOs, type InspectionHost } from './inspect.ts';
export { readSystem } from './read-system.ts';
export type { OperatingSystem, Release, SystemType } from './types.ts';

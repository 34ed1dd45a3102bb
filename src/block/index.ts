/** Block devices: files, parts of devices, overlays, memory. Exported as `guestfs/block`. */
export type { BlockDevice, Extent, ExtentKind, Format, Identity } from './device.ts';
export { openFile } from './file.ts';
export { guard } from './guard.ts';
export { memoryDevice } from './memory.ts';
export { overlayDevice } from './overlay.ts';
export { rangeDevice } from './range.ts';

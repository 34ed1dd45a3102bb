/** Events of a handle; each one's bit in an event mask. */
export const EVENT_BITS = {
  close: 1,
  subprocess_quit: 2,
  launch_done: 4,
  progress: 8,
  appliance: 16,
  library: 32,
  trace: 64,
  enter: 128,
  libvirt_auth: 256,
  warning: 512,
} as const;

/** Name of an event. */
export type EventName = keyof typeof EVENT_BITS;

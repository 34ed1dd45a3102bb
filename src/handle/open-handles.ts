/** Handles that have something to close, so that a program that just ends closes them. */
interface Closable {
  close(): Promise<void>;
}

const open = new Set<Closable>();
let listening = false;

/** Note that a handle has something to close, or no longer has. */
export function closeAtExit(handle: Closable, isOpen: boolean): void {
  if (!isOpen) {
    open.delete(handle);
    return;
  }
  open.add(handle);
  if (listening) return;
  listening = true;
  process.on('beforeExit', () => {
    for (const one of open) {
      open.delete(one);
      // There is nobody left to tell: what failed was reported when it was written.
      one.close().catch(() => undefined);
    }
  });
}

import type { Handle } from './handle.ts';

/** Paths of a guest as people give them: for a Windows guest `C:\file` too. */
export class GuestPaths {
  readonly #handle: Handle;
  #root: string | undefined | null = null;

  constructor(handle: Handle) {
    this.#handle = handle;
  }

  /** The path to give to the API. */
  async resolve(path: string): Promise<string> {
    if (path.startsWith('/') && !path.includes('\\')) return path;
    const root = await this.#windowsRoot();
    if (root === undefined) return path;
    const { windowsPath } = await import('./windows-path.ts');
    return windowsPath(this.#handle, root, path);
  }

  async #windowsRoot(): Promise<string | undefined> {
    if (this.#root === null) {
      const [root] = await this.#handle.inspectGetRoots();
      const windows = root !== undefined && (await this.#handle.inspectGetType(root)) === 'windows';
      this.#root = windows ? root : undefined;
    }
    return this.#root;
  }
}

import { createGrowingFile, openGrowingFile, type GrowingFile } from '../../block/file-growing.ts';
import {
  fileExists,
  fileIdentity,
  realPath,
  removeFile,
  replaceFile,
  temporaryBeside,
} from '../../block/file-path.ts';
import { GuestfsError } from '../../errors/index.ts';

/** A file that is made under a name of its own and then takes the place of another. */
export interface Replacement {
  /** Name of the new file until it is complete. */
  readonly path: string;
  /** The block device of that name, which is written to in place: nothing can take its place. */
  readonly device: GrowingFile | undefined;
  /** Give the complete and durable file its name. */
  done(): void;
  /** Give up or go on: what is not done by now is removed. Idempotent. */
  end(): void;
}

/**
 * Begin a file that is to be called `path`. One that is there stays until the new one is complete, locked by the
 * caller, who then names no files, or else here. Throws EBUSY where another program holds it, EINVAL where it is one of `inUse`.
 */
export function beginReplacement(path: string, inUse?: ReadonlySet<string>): Replacement {
  const exists = fileExists(path);
  const held = exists && inUse !== undefined ? holdFile(path, inUse) : undefined;
  if (held !== undefined && held.limit !== Infinity) {
    return { path, device: held, done() {}, end: () => held.close() };
  }
  // Beside the file itself, not beside a link to it: it could be on another filesystem.
  const temporary = temporaryBeside(exists ? realPath(path) : path);
  try {
    // Says at once, and with the name that was asked for, what the folder does not allow.
    createGrowingFile(temporary, { exclusive: true }).close();
  } catch (error) {
    held?.close();
    if (error instanceof GuestfsError) error.message = error.message.replaceAll(temporary, path);
    throw error;
  }
  let open = true;
  return {
    path: temporary,
    device: undefined,
    done() {
      replaceFile(temporary, path);
    },
    end() {
      if (!open) return;
      open = false;
      removeFile(temporary);
      held?.close();
    },
  };
}

function holdFile(path: string, inUse: ReadonlySet<string>): GrowingFile {
  if (inUse.has(fileIdentity(path))) {
    throw new GuestfsError(
      'EINVAL',
      `${path} is the image that is read, or one of its backing files; give the new image another name`,
      { path },
    );
  }
  return openGrowingFile(path);
}

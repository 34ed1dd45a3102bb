import { readFileSync, statSync } from 'node:fs';
import { editGuestFile } from '../common/edit-file.ts';
import { ToolError, UsageError } from '../common/usage-error.ts';
import { applyPerl } from '../virt-edit.ts';
import { injectSshKey, parsePasswordSelector, parseSshSelector, setPassword } from './accounts.ts';
import type { CustomizeContext } from './context.ts';
import { installFirstboot } from './firstboot.ts';
import { managePackages, type PackageWish, runScript, runShell } from './programs.ts';
import { appendLine, setHostname, setTimezone } from './system.ts';

/** What one option of virt-customize does. */
export interface Operation {
  name: string;
  /** As help shows the argument; undefined for none. */
  argument: string | undefined;
  help: string;
  /** What a person is told while it is done; the argument is added. */
  message: string;
  /** It runs programs of the guest, which needs a machine, and perhaps a network. */
  runsPrograms?: boolean;
  /** Takes the argument apart before anything is done, so that a mistake changes nothing. Throws UsageError, ToolError. */
  prepare(argument: string): (context: CustomizeContext) => Promise<void>;
}

/** `LEFT:REST`. */
function pair(option: string, text: string, form: string): [string, string] {
  const colon = text.indexOf(':');
  if (colon <= 0) throw new UsageError(`--${option} ${text}: expected ${form}`);
  return [text.slice(0, colon), text.slice(colon + 1)];
}

function readHost(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new ToolError(`cannot read ${path}: ${(error as Error).message}`);
  }
}

function baseName(path: string): string {
  return path.replace(/\/+$/, '').split('/').at(-1) ?? '';
}

/** A number as the shell has them: octal with a leading 0. */
function parseMode(text: string): number {
  const match = /^(0o?)?([0-9]+)$/.exec(text);
  const mode =
    match === null
      ? Number.NaN
      : match[1] === undefined && !text.startsWith('0')
        ? Number(text)
        : Number.parseInt(match[2] as string, 8);
  if (!(mode >= 0 && mode <= 0o7777))
    throw new UsageError(`--chmod: '${text}' is no mode, expected one like 0755`);
  return mode;
}

/** What the guest's own manager of packages does. */
function packages(name: PackageWish, help: string, message: string): Operation {
  return {
    name,
    argument: name === 'update' ? undefined : 'PKG,PKG...',
    help,
    message,
    runsPrograms: true,
    prepare(argument) {
      const names = argument.split(',').filter((word) => word !== '');
      const odd = names.find((word) => word.startsWith('-'));
      if (odd !== undefined) throw new UsageError(`--${name} ${odd}: expected the name of a package`);
      return (context) => managePackages(context, name, names);
    },
  };
}

/** The options that change the guest, in the order help shows them. */
export const operations: readonly Operation[] = [
  {
    name: 'append-line',
    argument: 'FILE:LINE',
    help: 'add a line to a file',
    message: 'Appending a line to',
    prepare(argument) {
      const [file, line] = pair('append-line', argument, 'FILE:LINE');
      return (context) => appendLine(context, file, line);
    },
  },
  {
    name: 'chmod',
    argument: 'MODE:FILE',
    help: 'change the mode of a file (octal with a leading 0)',
    message: 'Changing the mode of',
    prepare(argument) {
      const [mode, file] = pair('chmod', argument, 'MODE:FILE');
      const bits = parseMode(mode);
      return ({ handle }) => handle.chmod(bits, file);
    },
  },
  {
    name: 'copy',
    argument: 'SOURCE:DEST',
    help: 'copy files or directories inside the guest',
    message: 'Copying',
    prepare(argument) {
      const [source, target] = pair('copy', argument, 'SOURCE:DEST');
      return async ({ handle, made }) => {
        await handle.cpA(source, target);
        made(target);
      };
    },
  },
  {
    name: 'copy-in',
    argument: 'LOCAL:DIRECTORY',
    help: 'copy files or directories of the host into a directory of the guest',
    message: 'Copying in',
    prepare(argument) {
      const [local, directory] = pair('copy-in', argument, 'LOCAL:DIRECTORY');
      return async ({ handle, made }) => {
        await handle.copyIn(local, directory);
        made(`${directory}/${baseName(local)}`);
      };
    },
  },
  {
    name: 'delete',
    argument: 'PATH',
    help: 'delete a file or directory; wildcards work',
    message: 'Deleting',
    prepare:
      (path) =>
      async ({ handle }) => {
        for (const match of await handle.globExpand(path, { directoryslash: false }))
          await handle.rmRf(match);
      },
  },
  {
    name: 'edit',
    argument: 'FILE:EXPR',
    help: 'change a file with a Perl expression',
    message: 'Editing',
    prepare(argument) {
      const [file, expression] = pair('edit', argument, 'FILE:EXPR');
      return async ({ handle }) => {
        await editGuestFile(handle, file, (copy) => applyPerl(expression, copy));
      };
    },
  },
  {
    name: 'firstboot',
    argument: 'SCRIPT',
    help: 'run a script of the host when the guest boots next',
    message: 'Installing for the first boot',
    prepare(path) {
      const content = readHost(path);
      return (context) => installFirstboot(context, baseName(path), content);
    },
  },
  {
    name: 'firstboot-command',
    argument: 'COMMAND',
    help: 'run a command when the guest boots next',
    message: 'Installing for the first boot',
    prepare: (command) => (context) =>
      installFirstboot(context, command, Buffer.from(`#!/bin/sh\n${command}\n`)),
  },
  {
    name: 'hostname',
    argument: 'NAME',
    help: 'set the host name',
    message: 'Setting the host name',
    prepare: (name) => (context) => setHostname(context, name),
  },
  {
    name: 'link',
    argument: 'TARGET:LINK[:LINK...]',
    help: 'make symbolic links',
    message: 'Linking',
    prepare(argument) {
      const [target, links] = pair('link', argument, 'TARGET:LINK[:LINK...]');
      return async ({ handle, made }) => {
        for (const link of links.split(':')) {
          await handle.lnSf(target, link);
          made(link);
        }
      };
    },
  },
  {
    name: 'mkdir',
    argument: 'DIRECTORY',
    help: 'make a directory and those above it',
    message: 'Making the directory',
    prepare:
      (path) =>
      async ({ handle, made }) => {
        const there = await handle.isDir(path, { followsymlinks: true });
        await handle.mkdirP(path);
        if (!there) made(path);
      },
  },
  {
    name: 'move',
    argument: 'SOURCE:DEST',
    help: 'move files or directories inside the guest',
    message: 'Moving',
    prepare(argument) {
      const [source, target] = pair('move', argument, 'SOURCE:DEST');
      return ({ handle }) => handle.mv(source, target);
    },
  },
  {
    name: 'password',
    argument: 'USER:SELECTOR',
    help: 'set the password of an account: password:TEXT, file:FILE, random, disabled, locked',
    message: 'Setting a password',
    prepare(argument) {
      const [user, text] = pair('password', argument, 'USER:SELECTOR');
      const selector = parsePasswordSelector(text);
      return (context) => setPassword(context, user, selector);
    },
  },
  {
    name: 'root-password',
    argument: 'SELECTOR',
    help: 'set the password of root, as --password',
    message: 'Setting a password',
    prepare(text) {
      const selector = parsePasswordSelector(text);
      return (context) => setPassword(context, 'root', selector);
    },
  },
  {
    name: 'scrub',
    argument: 'FILE',
    help: 'overwrite a file, then delete it',
    message: 'Scrubbing',
    prepare:
      (path) =>
      ({ handle }) =>
        handle.scrubFile(path),
  },
  {
    name: 'selinux-relabel',
    argument: undefined,
    help: 'have the guest label its files when it boots next',
    message: 'Asking for new labels',
    prepare:
      () =>
      ({ handle }) =>
        handle.touch('/.autorelabel'),
  },
  {
    name: 'ssh-inject',
    argument: 'USER[:SELECTOR]',
    help: 'let a public key log in: USER, USER:file:FILE, USER:string:KEY',
    message: 'Injecting an ssh key',
    prepare(argument) {
      const { user, key } = parseSshSelector(argument);
      return (context) => injectSshKey(context, user, key);
    },
  },
  {
    name: 'timezone',
    argument: 'ZONE',
    help: 'set the time zone, as in Europe/London',
    message: 'Setting the time zone',
    prepare: (zone) => (context) => setTimezone(context, zone),
  },
  {
    name: 'touch',
    argument: 'FILE',
    help: 'make a file, or set its times to now',
    message: 'Touching',
    prepare:
      (path) =>
      async ({ handle, made }) => {
        if (!(await handle.exists(path))) made(path);
        await handle.touch(path);
      },
  },
  {
    name: 'truncate',
    argument: 'FILE',
    help: 'make a file empty',
    message: 'Truncating',
    prepare:
      (path) =>
      ({ handle }) =>
        handle.truncate(path),
  },
  {
    name: 'truncate-recursive',
    argument: 'DIRECTORY',
    help: 'make all files below a directory empty',
    message: 'Truncating',
    prepare:
      (path) =>
      async ({ handle }) => {
        const base = path.replace(/\/+$/, '');
        for (const name of await handle.find(path)) {
          if (await handle.isFile(`${base}/${name}`)) await handle.truncate(`${base}/${name}`);
        }
      },
  },
  {
    name: 'upload',
    argument: 'FILE:DEST',
    help: 'copy a file of the host to a file or into a directory of the guest',
    message: 'Uploading',
    prepare(argument) {
      const [file, target] = pair('upload', argument, 'FILE:DEST');
      const stat = statSync(file, { throwIfNoEntry: false });
      if (stat === undefined) throw new ToolError(`--upload ${file}: there is no such file`);
      return async ({ handle, made }) => {
        const isDirectory = await handle.isDir(target, { followsymlinks: true });
        const path = isDirectory ? `${target.replace(/\/+$/, '')}/${baseName(file)}` : target;
        if (!(await handle.exists(path))) made(path);
        await handle.upload(file, path);
        await handle.chmod(stat.mode & 0o7777, path);
        await handle.chown(stat.uid, stat.gid, path);
      };
    },
  },
  {
    name: 'write',
    argument: 'FILE:CONTENT',
    help: 'write a file',
    message: 'Writing',
    prepare(argument) {
      const [file, content] = pair('write', argument, 'FILE:CONTENT');
      return async ({ handle, made }) => {
        if (!(await handle.exists(file))) made(file);
        await handle.write(file, Buffer.from(content));
      };
    },
  },
  packages('install', 'install packages', 'Installing packages'),
  packages('uninstall', 'remove packages', 'Removing packages'),
  packages('update', 'bring all packages up to date', 'Updating packages'),
  {
    name: 'run',
    argument: 'SCRIPT',
    help: 'run a script or program of the host in the guest',
    message: 'Running',
    runsPrograms: true,
    prepare(path) {
      if (statSync(path, { throwIfNoEntry: false })?.isFile() !== true) {
        throw new ToolError(`--run ${path}: there is no such file`);
      }
      return (context) => runScript(context, path);
    },
  },
  {
    name: 'run-command',
    argument: 'COMMAND',
    help: 'run a line of shell in the guest',
    message: 'Running',
    runsPrograms: true,
    prepare: (command) => (context) => runShell(context, command, command),
  },
];

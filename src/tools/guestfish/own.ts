import { chdir } from 'node:process';
import { createSparseDisk } from './disk-file.ts';
import { ShellError } from './shell-error.ts';
import type { Shell } from './shell.ts';
import type { Word } from './tokenize.ts';

/** A command of the shell that is no action of the API. */
export interface OwnCommand {
  name: string;
  aliases: readonly string[];
  usage: string;
  /** One line, lower case, without a full stop. */
  summary: string;
  /** Paragraphs. */
  description: string;
  /**
   * @param calledAs the name that was given, in canonical form.
   * @throws ShellError, GuestfsError: it failed.
   */
  run(shell: Shell, words: readonly Word[], calledAs: string): Promise<void>;
}

function expectWords(words: readonly Word[], least: number, most: number, command: OwnCommand): string[] {
  if (words.length < least || words.length > most) {
    throw new ShellError(`${command.name}: wrong number of arguments\nusage: ${command.usage}`);
  }
  return words.map(({ text }) => text);
}

function hostFailure(what: string, error: unknown): ShellError {
  return new ShellError(`${what}: ${hostReason(error)}`);
}

/** `No such file or directory` out of Node's `ENOENT: no such file or directory, open '/x'`. */
function hostReason(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return /^[A-Z0-9]+: (.*?)(?:, \w+(?: '.*)?)?$/.exec(message)?.[1] ?? message;
}

const alloc: OwnCommand = {
  name: 'alloc',
  aliases: ['allocate'],
  usage: 'alloc FILE SIZE',
  summary: 'make a disk file with all its blocks and add it',
  description:
    'Makes a host file of zeroes of the given size, which takes up its whole size on the host, and adds it as the next drive (read-write). A file of that name is overwritten. The size may have a suffix, as in `100M`.',
  async run(shell, words) {
    const [file = '', size = ''] = expectWords(words, 2, 2, alloc);
    await createSparseDisk(shell, file, size, true);
  },
};

const sparse: OwnCommand = {
  name: 'sparse',
  aliases: [],
  usage: 'sparse FILE SIZE',
  summary: 'make a sparse disk file and add it',
  description:
    'Makes an empty host file of the given size, whose blocks take up space on the host only once they are written, and adds it as the next drive (read-write). A file of that name is overwritten.',
  async run(shell, words) {
    const [file = '', size = ''] = expectWords(words, 2, 2, sparse);
    await createSparseDisk(shell, file, size, false);
  },
};

const copyIn: OwnCommand = {
  name: 'copy-in',
  aliases: [],
  usage: 'copy-in LOCAL... /REMOTE-DIRECTORY',
  summary: 'copy host files and directories into the guest',
  description:
    'Copies host files and directories, with everything below them, into a directory of the guest, which must exist.',
  async run(shell, words) {
    const texts = expectWords(words, 2, Infinity, copyIn);
    const directory = texts.pop() as string;
    for (const local of texts) await shell.handle.copyIn(local, directory);
  },
};

const copyOut: OwnCommand = {
  name: 'copy-out',
  aliases: [],
  usage: 'copy-out /REMOTE... LOCAL-DIRECTORY',
  summary: 'copy guest files and directories to the host',
  description:
    'Copies files and directories of the guest, with everything below them, into a directory of the host, which must exist (`.` is the current one). Wildcards need `glob`: `glob copy-out /home/* .`',
  async run(shell, words) {
    const texts = expectWords(words, 2, Infinity, copyOut);
    const directory = texts.pop() as string;
    for (const remote of texts) await shell.handle.copyOut(remote, directory);
  },
};

const echo: OwnCommand = {
  name: 'echo',
  aliases: [],
  usage: 'echo [WORD...]',
  summary: 'print words',
  description: 'Prints its arguments with a space between them.',
  async run(shell, words) {
    shell.out.write(`${words.map(({ text }) => text).join(' ')}\n`);
  },
};

const deleteEvent: OwnCommand = {
  name: 'delete-event',
  aliases: [],
  usage: 'delete-event NAME',
  summary: 'remove event handlers',
  description: 'Removes all handlers that `event` registered under this name.',
  async run(shell, words) {
    const [name = ''] = expectWords(words, 1, 1, deleteEvent);
    const { removeEventHandlers } = await import('./events.ts');
    removeEventHandlers(shell, name);
  },
};

const event: OwnCommand = {
  name: 'event',
  aliases: [],
  usage: 'event NAME EVENTS SCRIPT',
  summary: 'run a host script on events',
  description:
    "Runs the script with the host's shell ($SHELL, else /bin/sh) whenever one of the events happens: a list like `progress,trace`, or `*` for all. $EVENT is the event's name; $1 and so on are what comes with it (a message, or the four numbers of `progress`). The name is only for `delete-event` and may be empty.",
  async run(shell, words) {
    const [name = '', events = '', script = ''] = expectWords(words, 3, 3, event);
    const { addEventHandler } = await import('./events.ts');
    addEventHandler(shell, name, events, script);
  },
};

const listEvents: OwnCommand = {
  name: 'list-events',
  aliases: [],
  usage: 'list-events',
  summary: 'list event handlers',
  description: 'Lists the handlers that `event` registered.',
  async run(shell, words) {
    expectWords(words, 0, 0, listEvents);
    for (const { name, events, script } of shell.eventHandlers) {
      shell.out.write(`"${name}" (${events}): ${script}\n`);
    }
  },
};

const glob: OwnCommand = {
  name: 'glob',
  aliases: [],
  usage: 'glob COMMAND [ARGUMENT...]',
  summary: 'run a command for every path that matches wildcards',
  description:
    'Expands wildcards in the arguments that are guest paths and runs the command once for each match; with wildcards in several arguments, once for each combination. A pattern without a match stays as it is.',
  async run(shell, words) {
    expectWords(words, 1, Infinity, glob);
    const { runGlob } = await import('./glob.ts');
    await runGlob(shell, (words[0] as Word).text, words.slice(1));
  },
};

const display: OwnCommand = {
  name: 'display',
  aliases: [],
  usage: 'display FILE',
  summary: 'show a picture of the guest',
  description:
    'Downloads a picture and shows it with $GUESTFISH_DISPLAY_IMAGE, or display(1) where that is not set.',
  async run(shell, words) {
    const [path = ''] = expectWords(words, 1, 1, display);
    const { displayFile } = await import('./view.ts');
    await displayFile(shell, path);
  },
};

const more: OwnCommand = {
  name: 'more',
  aliases: ['less'],
  usage: 'more FILE',
  summary: 'page through a file',
  description:
    'Shows a file with $PAGER, or more(1); `less` always takes less(1). Where the output is no terminal the file is printed.',
  async run(shell, words, calledAs) {
    const [path = ''] = expectWords(words, 1, 1, more);
    const { pageFile } = await import('./view.ts');
    await pageFile(shell, path, calledAs === 'less' ? 'less' : (process.env['PAGER'] ?? 'more'));
  },
};

const edit: OwnCommand = {
  name: 'edit',
  aliases: ['vi', 'emacs'],
  usage: 'edit FILE',
  summary: 'edit a file with an editor of the host',
  description:
    "Downloads a file, opens it in $EDITOR (`vi` where that is not set; `vi` and `emacs` name their own editor), and uploads it if it was changed. The guest's file is replaced in one step and keeps its owner and mode.",
  async run(shell, words, calledAs) {
    const [path = ''] = expectWords(words, 1, 1, edit);
    const { editFile } = await import('./edit.ts');
    await editFile(shell, path, calledAs === 'edit' ? (process.env['EDITOR'] ?? 'vi') : calledAs);
  },
};

const hexedit: OwnCommand = {
  name: 'hexedit',
  aliases: [],
  usage: 'hexedit FILE|DEVICE [[START] MAX]',
  summary: 'edit bytes of a file or device with a hex editor of the host',
  description:
    'Downloads MAX bytes from START (all of it without them; a large device needs them), opens them in $HEXEDITOR, or hexedit(1), and writes them back in place if they were changed.',
  async run(shell, words) {
    const texts = expectWords(words, 1, 3, hexedit);
    const { hexEdit } = await import('./edit.ts');
    await hexEdit(shell, texts);
  },
};

const lcd: OwnCommand = {
  name: 'lcd',
  aliases: [],
  usage: 'lcd DIRECTORY',
  summary: 'change the directory on the host',
  description:
    'Changes the current directory of the shell itself, on the host. (`!cd` changes only a child.)',
  async run(_shell, words) {
    const [directory = ''] = expectWords(words, 1, 1, lcd);
    try {
      chdir(directory);
    } catch (error) {
      throw hostFailure(directory, error);
    }
  },
};

const man: OwnCommand = {
  name: 'man',
  aliases: ['manual'],
  usage: 'man',
  summary: 'read the manual',
  description: 'Opens the manual page of guestfish.',
  async run(shell, words) {
    expectWords(words, 0, 0, man);
    const { openManual } = await import('./view.ts');
    await openManual(shell);
  },
};

const not: OwnCommand = {
  name: 'not',
  aliases: [],
  usage: 'not COMMAND [ARGUMENT...]',
  summary: 'succeed if a command fails',
  description:
    "Runs a command and turns its outcome round: it fails where the command succeeds. The command's own message is still printed.",
  async run(shell, words) {
    expectWords(words, 1, Infinity, not);
    try {
      await shell.runCommand((words[0] as Word).text, words.slice(1));
    } catch (error) {
      await shell.report(error);
      return;
    }
    throw new ShellError(`not: the command '${(words[0] as Word).text}' succeeded`);
  },
};

const reopen: OwnCommand = {
  name: 'reopen',
  aliases: [],
  usage: 'reopen',
  summary: 'close the handle and begin with a new one',
  description: 'Closes the handle, with all its drives and mounts, and makes a new one.',
  async run(shell, words) {
    expectWords(words, 0, 0, reopen);
    const fresh = await shell.options.newHandle();
    await shell.handle.close();
    shell.handle = fresh;
    shell.eventHandlers.length = 0;
  },
};

const setenv: OwnCommand = {
  name: 'setenv',
  aliases: [],
  usage: 'setenv VARIABLE VALUE',
  summary: 'set an environment variable',
  description: 'Sets a variable for the shell and the host commands that it starts.',
  async run(_shell, words) {
    const [name = '', value = ''] = expectWords(words, 2, 2, setenv);
    process.env[name] = value;
  },
};

const unsetenv: OwnCommand = {
  name: 'unsetenv',
  aliases: [],
  usage: 'unsetenv VARIABLE',
  summary: 'remove an environment variable',
  description:
    'Removes a variable from the environment of the shell and of the host commands that it starts.',
  async run(_shell, words) {
    const [name = ''] = expectWords(words, 1, 1, unsetenv);
    Reflect.deleteProperty(process.env, name);
  },
};

const supported: OwnCommand = {
  name: 'supported',
  aliases: [],
  usage: 'supported',
  summary: 'list the feature groups and whether they are there',
  description: 'Lists all groups of actions with `yes` or `no`: whether this backend can do them.',
  async run(shell, words) {
    expectWords(words, 0, 0, supported);
    const groups = (await shell.handle.availableAllGroups()).toSorted();
    const width = Math.max(0, ...groups.map((group) => group.length));
    for (const group of groups) {
      const there = await shell.handle.featureAvailable([group]);
      shell.out.write(`${group.padStart(width)} ${there ? 'yes' : 'no'}\n`);
    }
  },
};

const time: OwnCommand = {
  name: 'time',
  aliases: [],
  usage: 'time COMMAND [ARGUMENT...]',
  summary: 'run a command and print how long it took',
  description: 'Runs a command, then prints the seconds that went by.',
  async run(shell, words) {
    expectWords(words, 1, Infinity, time);
    const started = process.hrtime.bigint();
    await shell.runCommand((words[0] as Word).text, words.slice(1));
    await shell.out.flush();
    const seconds = Number(process.hrtime.bigint() - started) / 1e9;
    shell.out.write(`elapsed time: ${seconds.toFixed(2)} seconds\n`);
  },
};

const help: OwnCommand = {
  name: 'help',
  aliases: [],
  usage: 'help [COMMAND]',
  summary: 'tell about a command, or how to begin',
  description:
    'With a command: what it does and how it is written. Without: how to begin, and where all commands are listed (`help --list`).',
  async run(shell, words) {
    const [name] = expectWords(words, 0, 1, help);
    const { beginText, commandHelp, commandList } = await import('./help.ts');
    if (name === undefined) shell.out.write(beginText());
    else if (name === '--list' || name === '-l') shell.out.write(await commandList());
    else shell.out.write(await commandHelp(name));
  },
};

const quit: OwnCommand = {
  name: 'quit',
  aliases: ['exit', 'q'],
  usage: 'quit',
  summary: 'leave the shell',
  description: 'Closes the handle and leaves.',
  async run(shell) {
    shell.quit = true;
  },
};

/** All of the shell's own commands. */
export const ownCommands: readonly OwnCommand[] = [
  alloc,
  copyIn,
  copyOut,
  deleteEvent,
  display,
  echo,
  edit,
  event,
  glob,
  help,
  hexedit,
  lcd,
  listEvents,
  man,
  more,
  not,
  quit,
  reopen,
  setenv,
  sparse,
  supported,
  time,
  unsetenv,
];

let byName: Map<string, OwnCommand> | undefined;

/** The shell's own command of a canonical name. */
export function findOwnCommand(canonical: string): OwnCommand | undefined {
  byName ??= new Map(
    ownCommands.flatMap((command) =>
      [command.name, ...command.aliases].map((name) => [name, command] as const),
    ),
  );
  return byName.get(canonical);
}

/** Environment variables that shape what the interactive shell shows. */
export interface PromptTexts {
  prompt: string;
  /** Before the welcome text. */
  init: string;
  /** After a command was entered. */
  output: string;
  /** Before the shell ends. */
  restore: string;
}

const SIMPLE: Readonly<Record<string, string>> = {
  '\\': '\\',
  a: '\u0007',
  e: '\u001b',
  n: '\n',
  r: '\r',
  // Marks of a zero-width stretch; the line editor measures escape sequences by itself.
  '[': '',
  ']': '',
};

/** `\e[1m` and kin as GUESTFISH_PS1 has them; unknown escapes stay. */
export function decodePrompt(text: string): string {
  return text.replace(
    /\\(?:x([0-9a-fA-F]{2})|([0-3][0-7]{2})|([\\aenr[\]]))/g,
    (_whole, hex: string | undefined, octal: string | undefined, letter: string | undefined) => {
      if (hex !== undefined) return String.fromCharCode(Number.parseInt(hex, 16));
      if (octal !== undefined) return String.fromCharCode(Number.parseInt(octal, 8));
      return SIMPLE[letter ?? ''] ?? '';
    },
  );
}

/** The texts that the environment asks for. */
export function promptTexts(environment: Readonly<Record<string, string | undefined>>): PromptTexts {
  const get = (name: string, otherwise: string): string => decodePrompt(environment[name] ?? otherwise);
  return {
    prompt: get('GUESTFISH_PS1', '><fs> '),
    init: get('GUESTFISH_INIT', ''),
    output: get('GUESTFISH_OUTPUT', ''),
    restore: get('GUESTFISH_RESTORE', ''),
  };
}

/** What an interactive shell says first. */
export const WELCOME = `
This is guestfish: look into disk images of virtual machines.

  help      how to begin, and help on every command
  man       the manual
  quit      leave (or Ctrl-D)

`;

/** One option of a tool: how it is written, and our words about it (help and manual page come from these). */
export interface OptionSpec {
  /** Name under which the parser reports it. */
  name: string;
  /** One letter, without the dash. */
  short?: string;
  /** Long names, without the dashes; the first is the one that help shows first. */
  long?: readonly string[];
  /** Whether it takes a value; `optional` values are only taken from `--long=VALUE`. */
  value?: 'required' | 'optional';
  /** What the value is called in help, as in `FILE`. */
  placeholder?: string;
  /** A line for --help, without a full stop. */
  help: string;
  /** Paragraphs for the manual page; `help` is used where they are missing. */
  manual?: string;
  /** Accepted, but not shown in help. */
  hidden?: boolean;
}

/** A tool's command line. */
export interface ToolSpec {
  name: string;
  /** One line, lower case, without a full stop. */
  summary: string;
  /** Command lines without the tool's name, as in `[OPTION...] -a DISK FILE...`. */
  usage: readonly string[];
  options: readonly OptionSpec[];
  /** Command lines worth showing, with what they do. */
  examples: readonly (readonly [command: string, words: string])[];
}

/** About disks; for tools that inspect. */
export const DISKS = `The disks are opened read-only and nothing in them changes, the replay of a filesystem's journal included. A disk that a running guest writes to at the same time can show things half done.`;

/** About guests with several systems, and -m. */
export const INSPECTION = `Without \`-m\` the tool looks for an operating system on the disks and mounts its filesystems where it would mount them, so that paths mean what they mean in the guest. It refuses where it finds none, or more than one; then name the filesystems with \`-m\` (\`virt-filesystems\` lists them).`;

/** About what is printed. */
export const STRINGS = `File names and texts of a guest are bytes that anybody may have written. To a file or pipe they go as they are; on a terminal, control characters and bytes that are not UTF-8 are shown as escapes like \\x1b.`;

/** About old command lines. */
export const OLD_STYLE = `Disks may be named without \`-a\`, before the other arguments, as old versions of the libguestfs tools had it.`;

/** About Windows paths. */
export const WINDOWS = `For a Windows guest a path may be written as Windows does, with or without a drive: \`C:\\Windows\\win.ini\`. The drive is looked up in the guest's registry and letters may be in any case.`;

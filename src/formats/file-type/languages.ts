/**
 * What a text is written in. First what its beginning says, then what occurs in it; the wording is that of file(1),
 * with `text` and `executable` added by the caller.
 */

/** A language: how it is called, and whether it is a program that can be run. */
export interface Language {
  name: string;
  /** `executable` follows the encoding. */
  script: boolean;
  /** The encoding is not mentioned. */
  alone?: boolean;
}

/** Interpreters after `#!`, by name of the program. */
const INTERPRETERS: readonly (readonly [RegExp, string])[] = [
  [/^(?:ba|r?b)ash$/, 'Bourne-Again shell script'],
  [/^sh$|^dash$|^ash$/, 'POSIX shell script'],
  [/^(?:m?ksh|ksh\d*|pdksh)$/, 'Korn shell script'],
  [/^zsh$/, "Paul Falstad's zsh script"],
  [/^tcsh$/, 'Tenex C shell script'],
  [/^csh$/, 'C shell script'],
  [/^fish$/, 'fish shell script'],
  [/^python[\d.]*$/, 'Python script'],
  [/^perl[\d.]*$/, 'Perl script'],
  [/^ruby[\d.]*$/, 'Ruby script'],
  [/^node(?:js)?$/, 'Node.js script executable'],
  [/^php[\d.]*$/, 'PHP script'],
  [/^lua[\d.]*$/, 'Lua script'],
  [/^tclsh[\d.]*$/, 'Tcl script'],
  [/^wish[\d.]*$/, 'Tcl/Tk script'],
  [/^gawk$/, 'GNU awk script'],
  [/^nawk$/, 'new awk script'],
  [/^awk$/, 'awk script'],
];

/** Beginnings that settle it. */
const BEGINNINGS: readonly (readonly [RegExp, string, boolean?])[] = [
  [/^-----BEGIN CERTIFICATE REQUEST-----/, 'PEM certificate request', true],
  [/^-----BEGIN CERTIFICATE-----/, 'PEM certificate', true],
  [/^-----BEGIN (EC|DSA|RSA|ECDSA) PRIVATE KEY-----/, 'PEM $1 private key', true],
  [/^-----BEGIN OPENSSH PRIVATE KEY-----/, 'OpenSSH private key', true],
  [/^-----BEGIN PGP PUBLIC KEY BLOCK-/, 'PGP public key block', true],
  [/^-----BEGIN PGP PRIVATE KEY BLOCK-/, 'PGP private key block', true],
  [/^-----BEGIN PGP SIGNATURE-/, 'PGP signature', true],
  [/^-----BEGIN PGP MESSAGE-/, 'PGP message', true],
  [/^-----BEGIN PGP SIGNED MESSAGE-/, 'PGP signed message', true],
  [/^ssh-rsa AAAA/, 'OpenSSH RSA public key', true],
  [/^ssh-dss AAAA/, 'OpenSSH DSA public key', true],
  [/^ssh-ed25519 AAAA/, 'OpenSSH ED25519 public key', true],
  [/^ecdsa-sha2-nistp\d+ AAAA/, 'OpenSSH ECDSA public key', true],
  [/^%!PS-Adobe-([\d.]+)/, 'PostScript document text conforming DSC level $1', true],
  [/^%!/, 'PostScript document text', true],
  [/^\{\\rtf1/, 'Rich Text Format data, version 1', true],
  [/^<\?php/i, 'PHP script'],
  [
    /^\s*<!DOCTYPE\s+html|^\s*<html[\s>]|^\s*<head[\s>]|^\s*<title[\s>]|^<\?xml[^>]*\?>\s*<!DOCTYPE\s+html/i,
    'HTML document',
  ],
  [/^<!(?:DOCTYPE|--|ENTITY|ELEMENT)/i, 'exported SGML document'],
  [/^<svg\s/, 'SVG Scalable Vector Graphics image', true],
  [/^\.\\"|^'\\"|^'\.\\"|^\s*\.(?:TH|SH|Dd) /, 'troff or preprocessor input'],
  [/^BEGIN:VCARD/, 'vCard visiting card', true],
  [/^BEGIN:VCALENDAR/, 'vCalendar calendar file', true],
  [/^diff /, 'diff output'],
  [/^From:/, 'news or mail'],
  [/^(?:Return-Path:|Received:)/, 'SMTP mail'],
  [/^\[Desktop Entry\]/, 'desktop entry'],
  [/^%YAML/, 'YAML document'],
];

/** What occurs in the text; the first that fits is taken. White space is kept to one line, which keeps it linear. */
const OCCURRENCES: readonly (readonly [RegExp, string, boolean])[] = [
  [/^(?:\+\+\+ |--- )[^\n]*\n(?:\+\+\+ |@@ -\d)/m, 'unified diff output', false],
  [/<(?:!doctype html|html|head|title|body|a href=[^>\n]*|script|style|table)[\s>]/i, 'HTML document', false],
  [/^\.[A-Za-z][A-Za-z0-9][ \t\n]/m, 'troff or preprocessor input', false],
  [/^[ \t]*package [\w:]+[ \t]*;[^]*?^[ \t]*(?:use|sub|our|my)\b/m, 'Perl5 module source', false],
  [/^=(?:pod|head1|head2|encoding) /m, 'Perl POD document', false],
  [
    /^(?:from[ \t]+[\w.]+[ \t]+import[ \t]|import[ \t]+[\w.]+(?:[ \t]+as[ \t]+\w+)?[ \t]*\r?$|[ \t]*def[ \t]+\w+[ \t]*\([^)\n]*\)[^:\n]*:|class[ \t]+\w+[^:{\n]*:[ \t]*\r?$)/m,
    'Python script',
    true,
  ],
  [/^(?:import java|package [\w.]+;|public (?:class|interface) )/m, 'Java source', false],
  [
    /^[ \t]*(?:template[ \t]*<|namespace[ \t]+\w+|class[ \t]+\w+[^;\n]*\{?[ \t]*$|using[ \t]+(?:namespace[ \t]|\w+::))/m,
    'C++ source',
    false,
  ],
  [/^[ \t]*#[ \t]*(?:include[ \t]*[<"]|ifndef[ \t]|define[ \t]|pragma[ \t]|ifdef[ \t])/m, 'C source', false],
  [
    /^[ \t]*(?:const|let|var)[ \t]+[\w{}, ]+[ \t]*=[ \t]*(?:require\(|\(|async|function)|^(?:export|import)[ \t][^\n]*[ \t]from[ \t]['"]|^'use strict'/m,
    'JavaScript source',
    false,
  ],
  [/^(?:proc|namespace eval|package provide)[ \t]/m, 'Tcl script', false],
  [/^\\(?:documentclass|begin\{document\}|usepackage|section\{|chapter\{)/m, 'LaTeX document', false],
  [/^\.PHONY[ \t]*:|^all:[ \t]|^SUBDIRS[ \t]*=|^include[ \t]+\S+\.mk/m, 'makefile script', false],
  [/^[ \t]*(?:BEGIN|END)[ \t]*\{/m, 'awk or perl script', false],
  [/^[ \t]*\.(?:asciiz?|globl|byte|section|text|data)\b/m, 'assembler source', false],
];

/** The language of a text; undefined where it is none that is known. */
export function recogniseLanguage(text: string): Language | undefined {
  const start = text.slice(0, 16_384);
  const shebang = /^#![ \t]*(\S+)([^\n\r]*)/.exec(start);
  if (shebang !== null) return interpreterOf(shebang[1] ?? '', shebang[2] ?? '');
  const xml = /^\s*<\?xml\s+version\s*=\s*["']([\d.]+)["']/.exec(start);
  if (xml !== null) {
    if (/<svg[\s>]/.test(start.slice(0, 4096))) {
      return { name: 'SVG Scalable Vector Graphics image', script: false, alone: true };
    }
    if (/<!DOCTYPE\s+html/i.test(start.slice(0, 4096)))
      return { name: `XML ${xml[1]} document`, script: false };
    return { name: `XML ${xml[1]} document`, script: false };
  }
  for (const [pattern, name, alone] of BEGINNINGS) {
    const match = pattern.exec(start);
    if (match === null) continue;
    return { name: name.replace('$1', match[1] ?? ''), script: false, alone: alone ?? false };
  }
  for (const [pattern, name, script] of OCCURRENCES) if (pattern.test(start)) return { name, script };
  return undefined;
}

function interpreterOf(program: string, rest: string): Language {
  let path = program;
  let words = rest.trim().split(/\s+/).filter(Boolean);
  if (program.endsWith('/env')) {
    words = words.filter((word, i) => !(i === 0 && word === '-S'));
    path = words[0] ?? program;
  }
  const name = path.slice(path.lastIndexOf('/') + 1);
  const known = INTERPRETERS.find(([pattern]) => pattern.test(name));
  if (known === undefined) {
    const shown = [program, ...rest.trim().split(/\s+/)].filter(Boolean).join(' ');
    return { name: `a ${shown} script`, script: true };
  }
  if (known[1] === 'Perl script') return { name: 'Perl script text executable', script: true, alone: true };
  return { name: known[1], script: !known[1].endsWith('executable') };
}

/** Whether a text is one JSON object or array. */
export function isJson(text: string): boolean {
  if (!/^\s*[[{]/.test(text)) return false;
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** Whether a text is lines of comma-separated values: the first ten at least, each with as many as the others. */
export function isCsv(text: string): boolean {
  const lines = text.split('\n').slice(0, 10);
  const full = text.endsWith('\n') ? lines.filter((line) => line !== '') : lines.slice(0, -1);
  if (full.length < 2) return false;
  const counts = full.map((line) => line.replace(/"(?:[^"]|"")*"/g, '').split(',').length - 1);
  return (counts[0] ?? 0) > 0 && counts.every((count) => count === counts[0]);
}

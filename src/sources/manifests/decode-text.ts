import { isUtf8 } from 'node:buffer';
import { LineTable } from './line-table.js';

/** The text of a file, or what keeps it from being text. */
export type DecodedText =
  | { readonly text: string }
  | { readonly problem: string; readonly line: number | null };

/**
 * Reads bytes as YAML 1.2 asks for (section 5.2): UTF-8, or UTF-16 with a byte order mark, as some editors still save
 * it. The mark is left out. A file with a NUL byte, or with bytes that are not UTF-8, is not text.
 */
export function decodeText(bytes: Buffer): DecodedText {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return textWithoutNul(bytes.toString('utf16le', 2));
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return textWithoutNul(utf16BigEndian(bytes.subarray(2)));
  const text = bytes.toString('utf8');
  if (!isUtf8(bytes))
    return { problem: 'is not UTF-8 text', line: new LineTable(text).lineOf(text.indexOf('\ufffd')) };
  return textWithoutNul(text.startsWith('\ufeff') ? text.slice(1) : text);
}

function utf16BigEndian(bytes: Buffer): string {
  const whole = bytes.length - (bytes.length % 2);
  return Buffer.from(bytes.subarray(0, whole)).swap16().toString('utf16le');
}

function textWithoutNul(text: string): DecodedText {
  const nul = text.indexOf('\0');
  return nul === -1
    ? { text }
    : { problem: 'holds a NUL character: it is not a text file', line: new LineTable(text).lineOf(nul) };
}

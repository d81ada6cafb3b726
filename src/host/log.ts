/** Fields of a log line, beside its text. Values are data: they are quoted or encoded, never interpreted. */
export type LogFields = Readonly<Record<string, string | number | boolean | null | undefined>>;

/**
 * Where events are told, one line each. `detail` is shown from `-v` of its level on, klog's convention: 2 what an
 * operator follows, 4 what someone debugging wants, 6 each connection.
 */
export interface Logger {
  error(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  detail(level: number, message: string, fields?: LogFields): void;
  /** True where `detail(level, …)` would be written: lets a hot path skip building the fields. */
  shows(level: number): boolean;
}

/** Tells nobody. */
export const SILENT_LOGGER: Logger = {
  error: () => undefined,
  warn: () => undefined,
  info: () => undefined,
  detail: () => undefined,
  shows: () => false,
};

/** The same log without what is only worth knowing: for a program whose own output tells that already. */
export function warningsOnly(log: Logger): Logger {
  return {
    error: (message, fields) => log.error(message, fields),
    warn: (message, fields) => log.warn(message, fields),
    info: () => undefined,
    detail: (level, message, fields) => log.detail(level, message, fields),
    shows: (level) => log.shows(level),
  };
}

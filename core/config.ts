import { Failure, shown } from "./failure.ts";

/** How one setting is read: its environment name, its default (absent: required) and the reading itself. */
export interface Setting<Value> {
  readonly name: string;
  readonly fallback?: string;
  /** @throws Failure whose message says what is expected */
  readonly read: (text: string) => Value;
}

export type Settings<Spec extends Record<string, Setting<unknown>>> = {
  readonly [Key in keyof Spec]: ReturnType<Spec[Key]["read"]>;
};

/**
 * Reads all settings at once and complains of all at once:
 * `POSTGRES_URL is missing; BATCH_ROWS_MAX is "0", expected a whole number 1..10000`.
 *
 * @throws Failure `settings_invalid`
 */
export function readSettings<Spec extends Record<string, Setting<unknown>>>(
  spec: Spec,
  environment: (name: string) => string | undefined,
): Settings<Spec> {
  const values: Record<string, unknown> = {};
  const complaints: string[] = [];
  for (const [key, setting] of Object.entries(spec)) {
    const text = environment(setting.name) ?? setting.fallback;
    if (text === undefined) {
      complaints.push(`${setting.name} is missing`);
      continue;
    }
    try {
      values[key] = setting.read(text);
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      complaints.push(error.message);
    }
  }
  if (complaints.length > 0) throw new Failure("settings_invalid", complaints.join("; "));
  return values as Settings<Spec>;
}

function setting<Value>(
  name: string,
  fallback: string | undefined,
  read: (text: string) => Value,
): Setting<Value> {
  return fallback === undefined ? { name, read } : { name, fallback, read };
}

/** Any text, also an empty one. */
export function text(name: string, fallback?: string): Setting<string> {
  return setting(name, fallback, (value) => value);
}

/** A text read by a function of the domain, such as `market` or `namespace`; its failure names the setting. */
export function parsed<Value>(
  name: string,
  read: (text: string) => Value,
  fallback?: string,
): Setting<Value> {
  return setting(name, fallback, (value) => {
    try {
      return read(value);
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      throw new Failure("setting_invalid", `${name}: ${error.message}`, error);
    }
  });
}

export function wholeNumber(
  name: string,
  min: number,
  max: number,
  fallback?: number,
): Setting<number> {
  return setting(name, fallback === undefined ? undefined : String(fallback), (value) => {
    const number = /^-?\d{1,15}$/.test(value) ? Number(value) : NaN;
    if (number >= min && number <= max) return number;
    throw expected(name, value, `a whole number ${min}..${max}`);
  });
}

export function oneOf<const Value extends string>(
  name: string,
  values: readonly Value[],
  fallback?: Value,
): Setting<Value> {
  return setting(name, fallback, (value) => {
    if ((values as readonly string[]).includes(value)) return value as Value;
    throw expected(name, value, `one of ${values.join(", ")}`);
  });
}

/** An address with one of the given schemes, such as `postgres:`. Its text is never shown: it may hold a password. */
export function url(name: string, schemes: readonly string[], fallback?: string): Setting<string> {
  return setting(name, fallback, (value) => {
    if (URL.canParse(value) && schemes.includes(new URL(value).protocol)) return value;
    throw new Failure(
      "setting_invalid",
      `${name} is not an address starting with ${
        schemes.map((scheme) => `${scheme}//`).join(" or ")
      }`,
    );
  });
}

/** `host:port,host:port` */
export function hostList(name: string, fallback?: string): Setting<readonly string[]> {
  return setting(name, fallback, (value) => {
    const hosts = value.split(",").map((host) => host.trim()).filter((host) => host !== "");
    if (hosts.length > 0 && hosts.every((host) => /^[^\s/@]+:\d{1,5}$/.test(host))) return hosts;
    throw expected(name, value, "host:port, comma separated");
  });
}

function expected(name: string, value: string, what: string): Failure {
  return new Failure("setting_invalid", `${name} is ${shown(value)}, expected ${what}`);
}

import type { Dashboard } from "../dashboard.ts";
import { INGEST } from "./ingest.ts";
import { OVERVIEW } from "./overview.ts";
import { PERSIST } from "./persist.ts";
import { REPAIR } from "./repair.ts";
import { ROLL_UPS } from "./roll_ups.ts";
import { STREAM } from "./stream.ts";

export const DASHBOARDS: readonly Dashboard[] = [
  OVERVIEW,
  INGEST,
  PERSIST,
  STREAM,
  ROLL_UPS,
  REPAIR,
];

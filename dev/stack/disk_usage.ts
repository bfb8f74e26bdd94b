import { lstatSync, readdirSync } from "node:fs";
import { join } from "node:path";

/** What lies on the disk, in bytes. */
export interface DiskUsage {
  /** Tables, indexes and write-ahead log of all its databases. */
  readonly postgresBytes: number;
  readonly kafkaBytes: number;
}

/** @param kept of the data folder: where PostgreSQL's lies when it cannot lie in it */
export function diskUsage(
  folder: string,
  { postgresFolder }: { readonly postgresFolder?: string },
): DiskUsage {
  return {
    postgresBytes: allocatedBytes(postgresFolder ?? join(folder, "postgres")),
    kafkaBytes: allocatedBytes(join(folder, "kafka")),
  };
}

/**
 * Bytes that a folder's files take on the disk, as `du` counts; 0 where it is not there. Kafka makes the index of each segment
 * 10 MB long and writes the first few kB of it, so lengths would say a hundred times as much.
 */
export function allocatedBytes(path: string): number {
  try {
    const stat = lstatSync(path);
    const own = (stat.blocks ?? Math.ceil(stat.size / 512)) * 512;
    if (!stat.isDirectory()) return own;
    return readdirSync(path).reduce((sum, name) => sum + allocatedBytes(join(path, name)), own);
  } catch (error) {
    // deleted meanwhile: servers write there all the time
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return 0;
    throw error;
  }
}

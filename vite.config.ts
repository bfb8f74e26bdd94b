import { defineConfig } from "vite";

/**
 * The page, built from web/ into the folder that the stream service serves (`--outDir` chooses another).
 *
 * Nothing is inlined, so that the page lives under a content security policy without `unsafe-inline` and `data:`.
 */
export default defineConfig({
  root: "web",
  base: "/",
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  build: {
    outDir: "../.stofka/web",
    emptyOutDir: true,
    target: "es2023",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: true,
  },
});

import { render } from "preact";
import { createApp } from "./state/app.ts";
import { exposeReadOnlyView } from "./state/test_view.ts";
import { Page } from "./ui/page.tsx";
import "uplot/dist/uPlot.min.css";
import "./style/tokens.css";
import "./style/page.css";
import "./style/market_list.css";
import "./style/chart.css";
import "./style/compare.css";

const app = createApp(new AbortController().signal);
exposeReadOnlyView(app);
render(<Page app={app} />, document.getElementById("app")!);

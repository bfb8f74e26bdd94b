import type { Badge } from "../model/badge.ts";
import type { App } from "../state/app.ts";
import type { Preferences } from "../state/preferences.ts";

/** Whose data this is, and how fresh. */
export function Badges({ app }: { readonly app: App }) {
  const { t } = app.preferences;
  const badge = app.freshness.badge.value;
  const provenance = app.freshness.provenance.value;
  return (
    <div class="badges">
      <span class="unseen" role="status">{statusText(badge, t)}</span>
      <span
        class="badge"
        data-state={badge.state}
        title={badgeHint(badge, t)}
      >
        <i class="badge-dot" aria-hidden="true" />
        {badgeText(badge, t)}
      </span>
      {provenance !== null && (
        <span class="badge provenance" title={t(`${provenance}Hint`)}>{t(provenance)}</span>
      )}
    </div>
  );
}

/** Without its seconds: read aloud when the state changes, not with each of them. */
function statusText(badge: Badge, t: Preferences["t"]): string {
  if (badge.state === "delayed") return t("delayedState");
  return badge.state === "exchange-lost" ? t(`cause_${badge.cause}`) : badgeText(badge, t);
}

export function badgeText(badge: Badge, t: Preferences["t"]): string {
  switch (badge.state) {
    case "live":
      return t("live");
    case "connecting":
      return t("connecting");
    case "catching-up":
      return t("catchingUp");
    case "reconnecting":
      return t("reconnecting");
    case "delayed":
      return t("delayed", badge.delayS);
    case "exchange-lost":
      return t("exchangeLost", badge.delayS);
  }
}

function badgeHint(badge: Badge, t: Preferences["t"]): string {
  switch (badge.state) {
    case "live":
      return t("liveHint");
    case "exchange-lost":
      return t(`cause_${badge.cause}`);
    case "delayed":
      return t("staleHint", badge.delayS);
    case "reconnecting":
      return badge.delayS === null ? t("reconnecting") : t("staleHint", badge.delayS);
    default:
      return badgeText(badge, t);
  }
}

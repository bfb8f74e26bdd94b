import type { ComponentChildren } from "preact";

function Icon({ children }: { readonly children: ComponentChildren }) {
  return (
    <svg
      class="icon"
      viewBox="0 0 20 20"
      fill="none"
      stroke="currentColor"
      stroke-width="1.6"
      stroke-linecap="round"
      stroke-linejoin="round"
      aria-hidden="true"
    >
      {children}
    </svg>
  );
}

export function Mark() {
  return (
    <svg class="mark" viewBox="0 0 24 24" aria-hidden="true">
      <rect x="6.25" y="3" width="1.5" height="18" class="mark-down" />
      <rect x="4" y="8" width="6" height="9" rx="1" class="mark-down" />
      <rect x="16.25" y="2" width="1.5" height="17" class="mark-up" />
      <rect x="14" y="5" width="6" height="10" rx="1" class="mark-up" />
    </svg>
  );
}

export const SearchIcon = () => (
  <Icon>
    <circle cx="9" cy="9" r="5.5" />
    <path d="m13.2 13.2 3.8 3.8" />
  </Icon>
);

export const CloseIcon = () => (
  <Icon>
    <path d="m5.5 5.5 9 9m0-9-9 9" />
  </Icon>
);

export const ListIcon = () => (
  <Icon>
    <path d="M3.5 5.5h13m-13 4.5h13m-13 4.5h8" />
  </Icon>
);

export const ChartIcon = () => (
  <Icon>
    <path d="M6 3v2.5m0 7V17M14 3v4m0 6v4M4 5.500h4v7H4zM12 7h4v6h-4z" />
  </Icon>
);

export const SunIcon = () => (
  <Icon>
    <circle cx="10" cy="10" r="3.4" />
    <path d="M10 2.2v1.6m0 12.400v1.600M2.200 10h1.600m12.400 0h1.600M4.500 4.500l1.100 1.100m8.800 8.800 1.100 1.100m0-11-1.100 1.100m-8.800 8.800-1.100 1.100" />
  </Icon>
);

export const MoonIcon = () => (
  <Icon>
    <path d="M16.500 11.800A6.800 6.800 0 0 1 8.200 3.500a6.800 6.800 0 1 0 8.300 8.300Z" />
  </Icon>
);

export const PlusIcon = () => (
  <Icon>
    <path d="M10 4.500v11M4.500 10h11" />
  </Icon>
);

export const MinusIcon = () => (
  <Icon>
    <path d="M4.500 10h11" />
  </Icon>
);

export const ToNowIcon = () => (
  <Icon>
    <path d="m5 5 5 5-5 5m9.500-10.500v11" />
  </Icon>
);

export const BackIcon = () => (
  <Icon>
    <path d="m12.500 4.500-5.500 5.500 5.500 5.500" />
  </Icon>
);

export const CompareIcon = () => (
  <Icon>
    <rect x="3.5" y="6" width="4.5" height="8" rx="1" />
    <path d="M5.75 3.5V6m0 8v2.5" />
    <rect x="12" y="6" width="4.5" height="8" rx="1" />
    <path d="M14.25 3.5V6m0 8v2.5" />
  </Icon>
);

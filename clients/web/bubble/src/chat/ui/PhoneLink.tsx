import { Icon } from "./Icon.js";

/** The address that dials a number, whatever stands between its digits. */
export function telephone(phone: string): string {
  return `tel:${phone.replace(/[^\d+]/g, "")}`;
}

/** A phone number that can be pressed to call it. */
export function PhoneLink({ phone, big = false }: { phone: string; big?: boolean }) {
  return (
    <a class={big ? "phone-link phone-link--big" : "phone-link"} href={telephone(phone)}>
      <Icon name="phone" />
      {phone}
    </a>
  );
}

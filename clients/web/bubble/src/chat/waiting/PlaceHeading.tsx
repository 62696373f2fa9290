import type { Place } from "@kupla/contract/kupla/v1/conversation_pb";
import { number } from "../i18n/format.js";
import { isSoon } from "./soon.js";
import { placeSentence } from "./placeText.js";

/** The place, large: the one thing that everybody who waits wants to see from afar. */
export function PlaceHeading({ place }: { place: Place }) {
  return (
    <span class={isSoon(place) ? "place place--soon" : "place"}>
      <span class="place__number" aria-hidden="true">
        {number(place.position)}
      </span>
      <span class="place__text">{placeSentence(place)}</span>
    </span>
  );
}

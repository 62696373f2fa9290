import { telephone } from "../ui/PhoneLink.js";

/** Numbers that are worth a press in the text of a notice: the emergency number and the helpline. */
const emergencyNumbers = /\b(112|116\s?117)\b/;

/** The text of a notice: its lines, with the emergency numbers as links. */
export function NoticeText({ text }: { text: string }) {
  return (
    <>
      {text
        .split("\n")
        .filter((line) => line.trim() !== "")
        .map((line) => (
          <p key={line}>
            {line.split(emergencyNumbers).map((part, index) =>
              // The pieces between the matches and the matches take turns.
              index % 2 === 0 ? (
                part
              ) : (
                <a key={index} class="emergency" href={telephone(part)}>
                  {part}
                </a>
              ),
            )}
          </p>
        ))}
    </>
  );
}

"use strict";
// Numbers as ttscale.showing.numbers writes them; a test holds the two together, digit for digit.

// Ties go to the even digit, as in Python; toFixed alone would send them up. 60 places are all that a double has here.
function fixed(value, digits) {
  const exact = value.toFixed(60);
  const kept = exact.slice(0, exact.length - 60 + digits).replace(/\.$/, "");
  const isTie = /^50*$/.test(exact.slice(exact.length - 60 + digits));
  return isTie && Number(kept.at(-1)) % 2 === 0 ? kept : value.toFixed(digits);
}

const stripped = (text) => (text.includes(".") ? text.replace(/\.?0+$/, "") : text);
const magnitude = (value) => Number(value.toExponential(15).split("e")[1]);
const significant = (value, digits) => stripped(fixed(value, Math.max(0, digits - 1 - magnitude(value))));
const raised = (power) => Array.from(String(power), (sign) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[sign] || "⁻").join("");

function percentText(fraction) {
  if (fraction === null) return "–";
  const value = 100 * fraction;
  if (value === 0) return "0%";
  if (fraction >= 1 && fraction < 1 + 1e-9) return "100%";
  if (value >= 99.95 && fraction < 1) return `${(Math.floor(100 * value) / 100).toFixed(2)}%`;
  if (value > 0 && value < 1e-4) return "<0.0001%";
  return value >= 0.95 ? `${fixed(value, 1)}%` : `${significant(value, 2)}%`;
}

function intervalText(low, high) {
  return low === null || high === null ? "" : `[${percentText(low)}, ${percentText(high)}]`.replaceAll("%", "");
}

const grouped = (whole) => whole.replace(/\B(?=(\d{3})+$)/g, ",");
const wholeText = (value) => grouped(fixed(value, 0));

// A number in three digits and a power of ten; ties, which only whole numbers have here, again to the even digit.
function scientific(value) {
  const whole = Number.isInteger(value) ? BigInt(value).toString() : "";
  const isTie = /^50*$/.test(whole.slice(3));
  if (isTie && Number(whole[2]) % 2 === 0) return [`${whole[0]}.${whole.slice(1, 3)}`, whole.length - 1];
  return value.toExponential(2).split("e");
}

function amountText(value) {
  if (value === 0) return "0";
  if (Math.abs(value) >= 1e7 || Math.abs(value) < 1e-5) {
    const [head, power] = scientific(value);
    return `${Number(head) === 1 ? "" : `${stripped(head)}×`}10${raised(Number(power))}`;
  }
  return Math.abs(value) >= 100 ? wholeText(value) : significant(value, 3);
}

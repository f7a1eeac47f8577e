# ruff: noqa: RUF001  letters that look like Latin ones are meant here
"""What the shop sells, what it costs in each currency, and what people write on gift notes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Money:
    """A currency that the shop takes."""

    decimals: int
    """Digits of its minor unit."""
    per_euro: float
    """Roughly; a demo's prices need no exchange rates of the day."""
    step: int
    """Prices are multiples of it, in minor units."""


CURRENCIES: dict[str, Money] = {
    "EUR": Money(2, 1, 5),
    "USD": Money(2, 1.1, 1),
    "GBP": Money(2, 0.85, 1),
    "CHF": Money(2, 0.95, 5),
    "PLN": Money(2, 4.3, 1),
    "SEK": Money(2, 11.2, 100),
    "TRY": Money(2, 38, 1),
    "UAH": Money(2, 45, 1),
    "EGP": Money(2, 53, 25),
    "ILS": Money(2, 4, 10),
    "INR": Money(2, 92, 100),
    "THB": Money(2, 38, 100),
    "CNY": Money(2, 7.8, 1),
    "KWD": Money(3, 0.335, 5),
    "JPY": Money(0, 163, 1),
    "KRW": Money(0, 1500, 10),
    "VND": Money(0, 27500, 500),
}

PRODUCTS: tuple[tuple[str, int], ...] = (
    ('Teapot "Ada", 1.2 l', 3490),
    ("Saucer, blue rim", 450),
    ("Crème brûlée dishes (4)", 2495),
    ("Soap <lavender & thyme>", 690),
    ("抹茶 bowl, hand-thrown", 5900),
    ("Kitchen scale, 1 g – 5 kg", 2990),
    ("Notebook A5, dotted", 1250),
    ("Fountain pen, nib M", 4500),
    ("Ink, Prussian blue, 50 ml", 1190),
    ("Pencils HB (12)", 890),
    ("Eraser", 120),
    ("Paper clips (100)", 195),
    ("Desk lamp with a very long arm that reaches all the way across the table and then some", 12900),
    ("Candle, beeswax", 790),
    ("Matches", 95),
    ("Wool blanket, 140 × 200 cm", 8900),
    ("Slippers, felt, size 38⅔", 3950),
    ("Umbrella, wind-proof", 2750),
    ("Rain hat", 1995),
    ("Garden shears", 2290),
    ("Seeds: tomato ‘Ochsenherz’", 349),
    ("Seeds: basil", 299),
    ("Flower pot, terracotta", 640),
    ("Watering can, 5 l", 1890),
    ("Bird feeder", 1590),
    ("Honey, 500 g", 850),
    ("Olive oil, 0.75 l", 1390),
    ("Dark chocolate 85 %", 320),
    ("Darjeeling, first flush, 100 g", 1450),
    ("Espresso beans, 1 kg", 2190),
    ("Coffee filter, no. 4 (80)", 245),
    ("Hand grinder", 7400),
    ("Chess set, travel", 3300),
    ("Playing cards", 590),
    ("Jigsaw puzzle, 1000 pieces", 1690),
    ("Kite", 2150),
    ("Harmonica in C", 2950),
    ("Tuning fork, 440 Hz", 1090),
    ("Violin strings (set)", 4150),
    ("Bookends (pair)", 2650),
    ("Reading glasses +1.5", 1850),
    ("Magnifying glass", 1150),
    ("Globe, 30 cm", 6900),
    ("Wall map", 3150),
    ("Compass", 1980),
    ("Pocket knife", 2890),
    ("Thermos, 0.5 l", 2590),
    ("Lunch box", 1790),
    ("Water bottle", 1490),
    ("Backpack, 20 l", 7900),
    ("Bicycle bell", 990),
    ("Repair kit for tyres", 650),
    ("Bicycle lights (pair)", 3490),
    ("Screwdriver set", 2790),
    ("Tape measure, 3 m", 790),
    ("Spirit level", 1350),
    ("Wood glue", 560),
    ("Sandpaper (10)", 480),
    ("Paint brush, 40 mm", 720),
    ("Sewing kit", 1290),
    ("Buttons, assorted", 390),
    ("Gift wrap", 280),
    ("Gift card", 0),
    ("Free sample: tea", 0),
)
"""Name, and price in euro cents."""

GIFT_NOTES: tuple[str, ...] = (
    "Happy birthday, dear Grandma!",
    "Für Dich, mit ganz viel Liebe 💐",
    '<b>Bold wishes</b> & "quoted" love, it\'s for you',
    "<script>alert('surprise')</script>",
    "{{ 7 * 7 }} kisses, {% raw %}and more{% endraw %}",
    "Merci pour tout.\nÀ très bientôt !\n\n— Zoé",
    "Wszystkiego najlepszego z okazji imienin!",
    "Grattis på födelsedagen 🎂",
    "С днём рождения, мама!",
    "З Різдвом! Миру та здоров’я",
    "Χρόνια πολλά σε όλους σας!",
    "كل عام وأنتم بخير 🌙",
    "מזל טוב! עם המון אהבה",
    "जन्मदिन की हार्दिक शुभकामनाएँ",
    "สุขสันต์วันเกิดนะคะ",
    "お誕生日おめでとうございます🎉",
    "생일 축하해요, 사랑합니다",
    "生日快乐,万事如意!",
    "Chúc mừng năm mới!",
    "Doğum günün kutlu olsun",
    "100% of my thanks; see you at 5 o'clock \\o/",
    "👨‍👩‍👧‍👦 from all of us at №\u202f12",
    "Congratulations on the new house! May the teapot never be empty, the slippers always be warm, the garden grow, "
    "and the neighbours play the violin only in the afternoon. We hope to visit in spring.",
)

# ruff: noqa: RUF001  letters that look like Latin ones are meant here
"""What the shop's customers are called, what they buy, and what they write on gift notes. All of it is invented."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Region:
    """A language and currency of customers.

    Names are written `native/latin` if the script is not Latin: mail addresses are made of the latin form.
    """

    locale: str
    currency: str
    given: str
    family: str
    family_first: bool = False
    joint: str = " "
    """Between the names."""


REGIONS: tuple[Region, ...] = (
    Region("de_DE", "EUR", "Jürgen Käthe Anke Björn Sören", "Müller Größe Weiß Schröder Böhm"),
    Region("de_CH", "CHF", "Urs Regula Beat Ursina Reto", "Zürcher Bühler Ammann Caduff Gerber"),
    Region("fr_FR", "EUR", "Zoé Anaïs François Hélène Benoît", "Lefèvre D’Aubigné Gérard Moreau Dupré"),
    Region("en_US", "USD", "Maya José Ethan Renée Jamal", "O'Brien Nguyen Washington Muñoz Smith-Jones"),
    Region("en_GB", "GBP", "Imogen Rhys Niamh Callum Oluwaseun", "MacLeod Llewellyn Brontë Featherstonehaugh O'Shea"),
    Region("pl_PL", "PLN", "Łukasz Małgorzata Żaneta Wojciech Błażej", "Wróbel Gołąb Żółć Kołodziej Zając"),
    Region("sv_SE", "SEK", "Åsa Göran Östen Märta Björk", "Sjöström Åkesson Öberg Lindqvist Nyström"),
    Region("tr_TR", "TRY", "İpek Çağlar Gülşen Oğuz Işıl", "Yılmaz Çelik Öztürk Şahin Güneş"),
    Region("vi_VN", "VND", "Thảo Đức Hương Quân Ngọc", "Nguyễn Trần Đặng Phạm Vũ", family_first=True),
    Region("ru_RU", "EUR", "Мария/maria Алексей/alexey Ольга/olga", "Шевчук/shevchuk Щербак/shcherbak Цой/tsoy"),
    Region("uk_UA", "UAH", "Ївга/yivha Олександра/oleksandra", "Шевченко/shevchenko Гнатюк/hnatiuk"),
    Region("el_GR", "EUR", "Ελένη/eleni Γιώργος/giorgos", "Παπαϊωάννου/papaioannou Αγγέλου/angelou"),
    Region("ar_EG", "EGP", "فاطمة/fatma محمود/mahmoud ليلى/layla", "المصري/elmasry عبدالله/abdallah الشناوي/elshenawy"),
    Region("ar_KW", "KWD", "عبير/abeer خالد/khaled دلال/dalal", "العنزي/alenezi المطيري/almutairi الصباح/alsabah"),
    Region("he_IL", "ILS", "נועה/noa איתי/itay שירה/shira", "כהן/cohen מזרחי/mizrahi בן־דוד/bendavid"),
    Region("hi_IN", "INR", "अनन्या/ananya विक्रम/vikram श्रेया/shreya", "शर्मा/sharma गुप्ता/gupta त्रिपाठी/tripathi"),
    Region("th_TH", "THB", "สมชาย/somchai กนกวรรณ/kanokwan ณัฐพล/nattapon", "ศรีสุข/srisuk วงศ์ใหญ่/wongyai ทองดี/thongdee"),
    Region("ja_JP", "JPY", "さくら/sakura 健太/kenta", "髙橋/takahashi 渡邉/watanabe", family_first=True),
    Region("ko_KR", "KRW", "지우/jiwoo 민준/minjun", "김/kim 박/park", family_first=True, joint=""),
    Region("zh_CN", "CNY", "伟/wei 小红/xiaohong 子涵/zihan", "王/wang 欧阳/ouyang 李/li", family_first=True, joint=""),
)


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

PRODUCTS: dict[str, int] = {
    'Teapot "Ada", 1.2 l': 3490,
    "Saucer, blue rim": 450,
    "Crème brûlée dishes (4)": 2495,
    "Soap <lavender & thyme>": 690,
    "抹茶 bowl, hand-thrown": 5900,
    "Kitchen scale, 1 g – 5 kg": 2990,
    "Desk lamp with a very long arm that reaches all the way across the table and then some": 12900,
    "Wool blanket, 140 × 200 cm": 8900,
    "Seeds: basil": 299,
    "Violin strings (set)": 4150,
    "Repair kit for tyres": 650,
    "Sewing kit": 1290,
    "Gift card": 0,
    **{f"Seeds, no. {number}": 149 + 10 * number for number in range(1, 51)},
}
"""Name, and price in euro cents."""

GIFT_NOTES: tuple[str, ...] = (
    "Happy birthday, dear Grandma!",
    "Für Dich, mit ganz viel Liebe 💐",
    '<b>Bold wishes</b> & "quoted" love, it\'s for you',
    "{{ 7 * 7 }} kisses, {% raw %}and more{% endraw %}",
    "Merci pour tout.\nÀ très bientôt !\n\n— Zoé",
    "С днём рождения, мама!",
    "كل عام وأنتم بخير 🌙",
    "お誕生日おめでとうございます🎉",
    "生日快乐,万事如意!",
    "👨\u200d👩\u200d👧\u200d👦 from all of us at №\u202f12",
)

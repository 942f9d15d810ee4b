"""What an invented store may sell: categories, flavors, pack sizes, color schemes and brand syllables.

Data only. Every brand is put together from syllables; a likeness to a real maker is chance, and the ones noticed are
left out (`REAL_NAMES`).
"""

from __future__ import annotations

from dataclasses import dataclass

Color = tuple[int, int, int]


@dataclass(frozen=True)
class Flavor:
    """A variant within a brand's family.

    Args:
        word: As printed on the pack.
        color: The color shoppers expect for it, RGB.
        motif: Name of the illustration.
    """

    word: str
    color: Color
    motif: str


@dataclass(frozen=True)
class PackSize:
    """A pack that a category is sold in.

    Args:
        form: "box", "carton", "can", "bottle", "pouch" or "jar".
        text: Net content as printed.
        size_cm: Width, height and depth in centimeters.
        price: Usual price in the store's currency.
    """

    form: str
    text: str
    size_cm: tuple[float, float, float]
    price: float


@dataclass(frozen=True)
class Category:
    """One kind of goods.

    Args:
        name: Lowercase word used in the catalog.
        noun: As printed on the pack.
        flavors: At least four variants.
        sizes: Packs to choose from; a family stays with one form.
    """

    name: str
    noun: str
    flavors: tuple[Flavor, ...]
    sizes: tuple[PackSize, ...]


def _flavors(*rows: tuple[str, str, str]) -> tuple[Flavor, ...]:
    return tuple(Flavor(word, _rgb(color), motif) for word, color, motif in rows)


def _rgb(code: str) -> Color:
    return int(code[0:2], 16), int(code[2:4], 16), int(code[4:6], 16)


CATEGORIES: tuple[Category, ...] = (
    Category(
        "juice",
        "Juice",
        _flavors(
            ("Orange", "f28c1b", "citrus"),
            ("Apple", "7ab648", "apple"),
            ("Mango", "f6b21a", "apple"),
            ("Red Berry", "c2243f", "berries"),
            ("Pineapple", "e8c425", "pineapple"),
            ("Tomato", "d8321f", "apple"),
            ("Cherry", "9c1736", "cherries"),
        ),
        (
            PackSize("carton", "1 L", (7.2, 20.5, 7.2), 2.29),
            PackSize("carton", "1.5 L", (9.2, 24.0, 9.2), 3.19),
            PackSize("bottle", "330 ml", (6.2, 17.5, 6.2), 1.59),
            PackSize("bottle", "750 ml", (8.0, 25.0, 8.0), 2.79),
        ),
    ),
    Category(
        "milk",
        "Milk",
        _flavors(
            ("Whole", "1f5fb4", "splash"),
            ("Semi", "5fb0dd", "splash"),
            ("Skimmed", "d9527f", "drops"),
            ("Oat", "c79a5b", "grain"),
            ("Almond", "a8784a", "nuts"),
            ("Cocoa", "6d4028", "chocolate"),
        ),
        (PackSize("carton", "1 L", (7.2, 21.5, 7.2), 1.29), PackSize("carton", "500 ml", (6.4, 15.5, 6.4), 0.89)),
    ),
    Category(
        "cereal",
        "Crunch",
        _flavors(
            ("Honey", "f0aa1e", "honeycomb"),
            ("Cocoa", "6f3f24", "bowl"),
            ("Berry", "b5306f", "berries"),
            ("Original", "d9443a", "bowl"),
            ("Nut", "b5793c", "nuts"),
            ("Wholegrain", "8f9a3c", "grain"),
        ),
        (PackSize("box", "375 g", (19.0, 28.0, 6.5), 3.49), PackSize("box", "600 g", (21.5, 31.5, 8.0), 4.79)),
    ),
    Category(
        "beans",
        "Beans",
        _flavors(
            ("Kidney", "8e2430", "legumes"),
            ("Black", "3b3540", "legumes"),
            ("White", "d8c9a4", "legumes"),
            ("Green", "5f8f3e", "leaves"),
            ("Baked", "d9622b", "legumes"),
            ("Chili", "c22a1c", "chili"),
        ),
        (PackSize("can", "400 g", (7.5, 11.0, 7.5), 1.19), PackSize("can", "800 g", (10.0, 12.0, 10.0), 1.99)),
    ),
    Category(
        "coffee",
        "Coffee",
        _flavors(
            ("Espresso", "7a1f1f", "coffee"),
            ("Mild", "d9a13b", "cup"),
            ("Decaf", "3f8f6b", "cup"),
            ("Dark Roast", "2c2a33", "coffee"),
            ("House Blend", "2f5f9e", "coffee"),
            ("Highland", "5b7f3a", "mountain"),
        ),
        (
            PackSize("pouch", "250 g", (10.0, 19.0, 6.0), 4.99),
            PackSize("pouch", "500 g", (12.0, 24.0, 8.0), 8.99),
            PackSize("jar", "100 g", (7.8, 14.0, 7.8), 5.49),
            PackSize("jar", "200 g", (9.4, 17.0, 9.4), 8.29),
        ),
    ),
    Category(
        "tea",
        "Tea",
        _flavors(
            ("Green", "6aa84f", "leaves"),
            ("Black", "a1421f", "cup"),
            ("Mint", "2fa58a", "leaves"),
            ("Camomile", "f0c93a", "flower"),
            ("Lemon", "f2d51e", "citrus"),
            ("Wild Berry", "8e2f7d", "berries"),
        ),
        (PackSize("box", "20 bags", (13.0, 9.0, 6.5), 2.49), PackSize("box", "50 bags", (15.5, 12.0, 8.0), 4.29)),
    ),
    Category(
        "chocolate",
        "Chocolate",
        _flavors(
            ("Milk", "7f4fa3", "chocolate"),
            ("Dark 70%", "3a2722", "chocolate"),
            ("Hazelnut", "3f8f4a", "nuts"),
            ("Cherry", "b01e3c", "cherries"),
            ("Orange", "ee7d1a", "citrus"),
            ("Mint", "26a18c", "leaves"),
        ),
        (PackSize("box", "100 g", (8.0, 16.0, 1.2), 1.79), PackSize("box", "200 g", (9.5, 20.5, 1.6), 2.99)),
    ),
    Category(
        "soda",
        "Soda",
        _flavors(
            ("Cola", "b3161d", "bubbles"),
            ("Lemon", "9cc71f", "citrus"),
            ("Orange", "f57a14", "citrus"),
            ("Cherry", "8f1a4c", "cherries"),
            ("Zero", "26262c", "bubbles"),
            ("Tonic", "f0c419", "waves"),
        ),
        (
            PackSize("can", "330 ml", (6.6, 11.6, 6.6), 0.99),
            PackSize("can", "500 ml", (6.6, 16.8, 6.6), 1.39),
            PackSize("bottle", "500 ml", (6.6, 23.0, 6.6), 1.49),
            PackSize("bottle", "1.5 L", (9.0, 31.5, 9.0), 2.19),
        ),
    ),
    Category(
        "chips",
        "Chips",
        _flavors(
            ("Sea Salt", "2f7fc1", "chips"),
            ("Paprika", "d6331f", "chips"),
            ("Sour Cream", "57a845", "chips"),
            ("Chili", "8f1d1d", "chili"),
            ("Vinegar", "2aa3a3", "chips"),
            ("Cheese", "f2a516", "chips"),
        ),
        (PackSize("pouch", "150 g", (18.0, 26.0, 7.0), 2.29), PackSize("pouch", "40 g", (12.5, 17.5, 4.0), 0.99)),
    ),
    Category(
        "detergent",
        "Wash",
        _flavors(
            ("Spring", "6ab43e", "flower"),
            ("Lavender", "7b5fb8", "flower"),
            ("Ocean", "1f8fc9", "waves"),
            ("Color", "d83a8c", "bubbles"),
            ("White", "4f8fe0", "spark"),
            ("Sensitive", "8fc7c1", "drops"),
        ),
        (
            PackSize("bottle", "1 L", (11.0, 25.0, 7.0), 4.49),
            PackSize("bottle", "1.8 L", (14.0, 29.0, 8.0), 7.49),
            PackSize("box", "2 kg", (17.0, 23.0, 8.0), 8.99),
        ),
    ),
    Category(
        "pasta",
        "Pasta",
        _flavors(
            ("Penne", "2458a6", "pasta"),
            ("Fusilli", "c23325", "pasta"),
            ("Rigatoni", "2f8a57", "pasta"),
            ("Wholegrain", "9b6a33", "grain"),
            ("Tomato", "de4a22", "apple"),
        ),
        (PackSize("box", "500 g", (10.0, 19.0, 5.0), 1.49), PackSize("pouch", "500 g", (13.0, 22.0, 6.0), 1.29)),
    ),
    Category(
        "jam",
        "Jam",
        _flavors(
            ("Strawberry", "d0213a", "berries"),
            ("Apricot", "f29a2b", "apple"),
            ("Blueberry", "3f3f9a", "berries"),
            ("Cherry", "8c1230", "cherries"),
            ("Orange", "ef7b12", "citrus"),
        ),
        (PackSize("jar", "340 g", (7.4, 11.0, 7.4), 2.49), PackSize("jar", "220 g", (6.6, 8.8, 6.6), 1.89)),
    ),
    Category(
        "cookies",
        "Cookies",
        _flavors(
            ("Butter", "f0b428", "cookie"),
            ("Choc Chip", "5a3220", "cookie"),
            ("Oat", "b98746", "grain"),
            ("Lemon", "f2d71c", "citrus"),
            ("Hazelnut", "8a5a2e", "nuts"),
        ),
        (PackSize("box", "200 g", (17.0, 12.5, 5.0), 2.19), PackSize("pouch", "150 g", (14.0, 18.0, 5.0), 1.79)),
    ),
    Category(
        "water",
        "Water",
        _flavors(
            ("Still", "2f8fd6", "mountain"),
            ("Sparkling", "1f9f86", "bubbles"),
            ("Gentle", "6fc2e8", "waves"),
            ("Lemon", "e6d320", "citrus"),
        ),
        (PackSize("bottle", "500 ml", (6.4, 21.5, 6.4), 0.69), PackSize("bottle", "1.5 L", (8.8, 31.0, 8.8), 0.99)),
    ),
    Category(
        "soup",
        "Soup",
        _flavors(
            ("Tomato", "d3301d", "apple"),
            ("Pumpkin", "ec8a1e", "leaves"),
            ("Lentil", "a3702b", "legumes"),
            ("Pea", "6fae3c", "leaves"),
            ("Chili", "9a1c1c", "chili"),
        ),
        (PackSize("can", "400 ml", (7.5, 10.8, 7.5), 1.89), PackSize("pouch", "500 ml", (13.5, 20.0, 7.0), 2.49)),
    ),
    Category(
        "shampoo",
        "Shampoo",
        _flavors(
            ("Aloe", "53b26a", "leaves"),
            ("Honey", "edb02d", "honeycomb"),
            ("Ocean", "2390c8", "waves"),
            ("Rose", "d8567f", "flower"),
            ("Pure", "8a8fa0", "drops"),
        ),
        (PackSize("bottle", "250 ml", (6.4, 18.0, 4.0), 3.29), PackSize("bottle", "400 ml", (7.4, 21.5, 5.0), 4.49)),
    ),
)

# Ground, second, accent, paper: the four colors a brand keeps over all its variants.
SCHEMES: tuple[tuple[Color, Color, Color, Color], ...] = tuple(
    (_rgb(row[0:6]), _rgb(row[7:13]), _rgb(row[14:20]), _rgb(row[21:27]))
    for row in (
        "c8102e 7a0a1e ffd23f fff4e0",
        "0b4ea2 062c63 ffcc00 eef5ff",
        "00704a 003d2b f2c14e f5f3e7",
        "f4a300 c8571b 7a1f1f fff6dc",
        "2b2d42 14151f ef476f edf2f4",
        "6a1b9a 3f0d63 ffb300 f8edff",
        "00838f 004f5a ff7043 e6f7f8",
        "d84315 8c1f00 ffe082 fff1e6",
        "f7f3e8 d9cdb0 9e2a2b ffffff",
        "ffffff dfe7ef 0a7bbf f7fafc",
        "1b1b1b 3a3a3a c9a24b f3ead7",
        "3e7c17 1f4d0b f5e663 f4f9e9",
        "e0457b 9c1f4d fff07c ffeef4",
        "1e88e5 0d47a1 ff5252 e9f4ff",
        "5d4037 321f1a e0b05c f6ebdf",
        "ffd400 f29100 d50000 fffbe0",
        "264653 12262e e9c46a f3efe4",
        "8ecae6 2a6f97 fb8500 f3fafd",
        "b7094c 5c0a34 0091ad fdeef3",
        "e9edc9 a3b18a 344e41 fefae0",
        "14746f 0a4644 f4d35e eaf6f5",
        "f28482 b2474d 2f3e46 fff0ee",
        "4a4e9a 2a2d66 9be564 eeeefb",
        "fefefe ececec e4002b fafafa",
    )
)

# fmt: off
ONSETS = (
    "Al", "Am", "Bel", "Bor", "Cal", "Cam", "Dor", "Dul", "El", "Fen", "Fjor", "Gal", "Gre", "Hal", "Hol", "Ist",
    "Jol", "Kam", "Kel", "Lan", "Lor", "Lu", "Mar", "Mel", "Mon", "Nor", "Nu", "Ol", "Or", "Pal", "Per", "Quin", "Ra",
    "Ros", "Sal", "Sol", "Tal", "Tre", "Ul", "Val", "Ver", "Vi", "Wes", "Wil", "Yor", "Zan", "Zel",
)
MIDDLES = (
    "a", "e", "i", "o", "u", "an", "el", "en", "er", "in", "ol", "ar",
)
CODAS = (
    "ba", "bo", "bury", "da", "dale", "dor", "fa", "field", "go", "la", "lia", "lo", "ma", "mere", "mi", "na", "nia",
    "no", "ra", "ria", "ro", "ry", "sa", "so", "ta", "tino", "to", "va", "ven", "vio", "wick", "za",
)
TAGLINES = (
    "since 1987", "naturally good", "simply better", "the original", "made with care", "family recipe",
    "taste the day", "farm to table", "100% goodness", "no added sugar", "fresh every day", "from the valley",
)
BADGES = (
    "NEW", "BIO", "-20%", "XXL", "VEGAN", "ECO", "PLUS", "TOP",
)
REAL_NAMES = frozenset(("Alfa", "Amora", "Lorina", "Perla", "Solero"))
# fmt: on

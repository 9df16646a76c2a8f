"""How the studio looks: warm paper, ink, one green. Gradio's own variables follow; the rest is assets/studio.css."""

from studio.framework import gr

SANS = ("ui-sans-serif", "system-ui", "Segoe UI", "Roboto", "Helvetica Neue", "Arial", "sans-serif")
MONO = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "DejaVu Sans Mono", "monospace")

GREEN = gr.themes.Color(
    "#eef6f3", "#d9ebe5", "#b5d8cd", "#86bdad", "#549c89", "#327f6c", "#236657", "#1d5246", "#19423a", "#153630",
    "#0a1f1b", name="pine",
)  # fmt: skip
PAPER = gr.themes.Color(
    "#fbfaf8", "#f5f3ef", "#e8e4dd", "#d8d2c8", "#a9a196", "#6f685e", "#565047", "#433e37", "#2c2925", "#1f1d1a",
    "#161412", name="paper",
)  # fmt: skip


COLOURS = {
    "body_background_fill": "*neutral_50",
    "body_background_fill_dark": "*neutral_950",
    "body_text_color": "*neutral_800",
    "body_text_color_dark": "#ece8e1",
    "body_text_color_subdued": "*neutral_500",
    "body_text_color_subdued_dark": "#b0a89c",
    "background_fill_primary": "white",
    "background_fill_primary_dark": "*neutral_900",
    "background_fill_secondary": "*neutral_50",
    "background_fill_secondary_dark": "*neutral_950",
    "border_color_primary": "*neutral_200",
    "border_color_primary_dark": "#3a3630",
    "block_background_fill": "transparent",
    "block_background_fill_dark": "transparent",
    "block_border_width": "0px",
    "block_border_width_dark": "0px",
    "block_shadow": "none",
    "block_shadow_dark": "none",
    "block_padding": "0px",
    "block_label_background_fill": "transparent",
    "block_label_background_fill_dark": "transparent",
    "block_label_border_width": "0px",
    "block_label_text_color": "*neutral_600",
    "block_label_text_color_dark": "#c9c1b5",
    "block_title_text_color": "*neutral_700",
    "block_title_text_color_dark": "#d5cec3",
    "block_title_text_weight": "500",
    "block_title_text_size": "*text_sm",
    "block_info_text_color": "*neutral_500",
    "block_info_text_color_dark": "#b0a89c",
    "block_info_text_size": "*text_xs",
    "panel_background_fill": "transparent",
    "panel_border_width": "0px",
    "input_background_fill": "white",
    "input_background_fill_dark": "*neutral_900",
    "input_border_color": "*neutral_300",
    "input_border_color_dark": "#4a453e",
    "input_border_color_focus": "*primary_600",
    "input_border_color_focus_dark": "*primary_400",
    "input_border_width": "1px",
    "input_shadow": "none",
    "input_shadow_focus": "0 0 0 3px rgb(50 127 108 / 0.18)",
    "input_padding": "8px 10px",
    "button_border_width": "1px",
    "button_large_padding": "9px 18px",
    "button_large_radius": "*radius_md",
    "button_large_text_size": "*text_md",
    "button_large_text_weight": "600",
    "button_small_text_weight": "500",
    "button_primary_background_fill": "*primary_600",
    "button_primary_background_fill_hover": "*primary_700",
    "button_primary_background_fill_dark": "*primary_600",
    "button_primary_background_fill_hover_dark": "*primary_500",
    "button_primary_border_color": "*primary_600",
    "button_primary_border_color_dark": "*primary_600",
    "button_primary_text_color": "white",
    "button_secondary_background_fill": "white",
    "button_secondary_background_fill_hover": "*neutral_100",
    "button_secondary_background_fill_dark": "*neutral_900",
    "button_secondary_background_fill_hover_dark": "*neutral_800",
    "button_secondary_border_color": "*neutral_300",
    "button_secondary_border_color_dark": "#4a453e",
    "button_secondary_text_color": "*neutral_800",
    "button_secondary_text_color_dark": "#ece8e1",
    "button_transition": "background-color 0.12s ease",
    "checkbox_background_color_selected": "*primary_600",
    "checkbox_border_color": "*neutral_400",
    "color_accent_soft": "*primary_50",
    "color_accent_soft_dark": "#20312c",
    "link_text_color": "*primary_600",
    "link_text_color_dark": "*primary_300",
}


def theme() -> gr.themes.Base:
    base = gr.themes.Base(
        primary_hue=GREEN,
        secondary_hue=GREEN,
        neutral_hue=PAPER,
        radius_size=gr.themes.sizes.radius_md,
        spacing_size=gr.themes.sizes.spacing_md,
        text_size=gr.themes.sizes.text_md,
        font=SANS,
        font_mono=MONO,
    )
    return base.set(**COLOURS)

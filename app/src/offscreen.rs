//! Paints a user interface without a window, on the CPU: the same picture on every machine.

use std::collections::BTreeMap;

use egui::{
    Color32, Context, ImageData, Rect, TextureFilter, TextureId, TextureOptions, TexturesDelta, Ui, Vec2,
    epaint::{ClippedPrimitive, Mesh, Primitive, Vertex},
};
use image::RgbaImage;

use crate::theme::{self, Theme};

/// Lays a user interface out `frames` times (at least once) and paints the last frame.
///
/// Time moves by a sixtieth of a second a frame, whatever the clock says.
pub fn render(
    size_points: Vec2,
    pixels_per_point: f32,
    theme: &Theme,
    frames: usize,
    mut ui: impl FnMut(&mut Ui),
) -> RgbaImage {
    let context = context(theme);
    let mut painter = CpuPainter::default();
    let mut primitives = Vec::new();
    for frame in 0..frames.max(1) {
        let mut output = context.run_ui(input(size_points, pixels_per_point, frame), &mut ui);
        painter.update_textures(&mut output.textures_delta);
        primitives = context.tessellate(std::mem::take(&mut output.shapes), output.pixels_per_point);
    }
    let size = [pixels(size_points.x, pixels_per_point), pixels(size_points.y, pixels_per_point)];
    painter.paint(&primitives, size, pixels_per_point, theme.background)
}

/// Makes a context that looks like that theme and animates nothing.
pub fn context(theme: &Theme) -> Context {
    let context = Context::default();
    theme::install(&context);
    context.set_theme(theme.of_egui());
    context.global_style_mut(|style| style.animation_time = 0.0);
    context
}

/// Makes the input of the so-manieth frame.
pub fn input(size_points: Vec2, pixels_per_point: f32, frame: usize) -> egui::RawInput {
    let mut input = egui::RawInput {
        screen_rect: Some(Rect::from_min_size(egui::Pos2::ZERO, size_points)),
        time: Some(frame as f64 / 60.0),
        ..egui::RawInput::default()
    };
    input.viewports.entry(egui::ViewportId::ROOT).or_default().native_pixels_per_point = Some(pixels_per_point);
    input
}

fn pixels(points: f32, pixels_per_point: f32) -> usize {
    (points * pixels_per_point).round().max(1.0) as usize
}

/// Keeps textures and paints triangles.
#[derive(Default)]
pub struct CpuPainter {
    textures: BTreeMap<TextureId, Texture>,
}

struct Texture {
    size: [usize; 2],
    texels: Vec<Color32>,
    options: TextureOptions,
}

impl CpuPainter {
    /// Takes over which textures came, changed or went, and empties the list.
    pub fn update_textures(&mut self, delta: &mut TexturesDelta) {
        for (id, changes) in delta.set.drain() {
            for change in changes {
                let ImageData::Color(image) = &change.image;
                match (change.pos, self.textures.get_mut(&id)) {
                    (Some(at), Some(texture)) => texture.patch(at, image),
                    // A patch of a texture that nobody has cannot be painted; the whole always can.
                    (Some(_), None) => {}
                    (None, _) => {
                        let (size, texels) = (image.size, image.pixels.clone());
                        self.textures.insert(id, Texture { size, texels, options: change.options });
                    }
                }
            }
        }
        for id in delta.free.drain() {
            self.textures.remove(&id);
        }
    }

    /// Paints what was tessellated onto one color.
    pub fn paint(
        &self,
        primitives: &[ClippedPrimitive],
        size: [usize; 2],
        pixels_per_point: f32,
        background: Color32,
    ) -> RgbaImage {
        let mut canvas = Canvas { size, pixels: vec![background; size[0] * size[1]] };
        for primitive in primitives {
            let Primitive::Mesh(mesh) = &primitive.primitive else { continue };
            let Some(texture) = self.textures.get(&mesh.texture_id) else { continue };
            let clip = Clip::new(primitive.clip_rect, size, pixels_per_point);
            canvas.mesh(mesh, texture, &clip, pixels_per_point);
        }
        let mut bytes = Vec::with_capacity(canvas.pixels.len() * 4);
        canvas.pixels.iter().for_each(|pixel| bytes.extend_from_slice(&pixel.to_srgba_unmultiplied()));
        RgbaImage::from_raw(size[0] as u32, size[1] as u32, bytes).expect("four bytes for each pixel")
    }
}

impl Texture {
    fn patch(&mut self, at: [usize; 2], image: &egui::ColorImage) {
        let width = image.size[0].min(self.size[0].saturating_sub(at[0]));
        for row in 0..image.size[1].min(self.size[1].saturating_sub(at[1])) {
            let to = (at[1] + row) * self.size[0] + at[0];
            let from = row * image.size[0];
            self.texels[to..to + width].copy_from_slice(&image.pixels[from..from + width]);
        }
    }

    fn texel(&self, x: i32, y: i32) -> [f32; 4] {
        let x = x.clamp(0, self.size[0] as i32 - 1) as usize;
        let y = y.clamp(0, self.size[1] as i32 - 1) as usize;
        self.texels[y * self.size[0] + x].to_array().map(f32::from)
    }

    /// Returns the premultiplied color at texture coordinates, 0 to 255.
    fn sample(&self, u: f32, v: f32) -> [f32; 4] {
        let (x, y) = (u * self.size[0] as f32, v * self.size[1] as f32);
        if self.options.magnification == TextureFilter::Nearest {
            return self.texel(x.floor() as i32, y.floor() as i32);
        }
        let (x, y) = (x - 0.5, y - 0.5);
        let (left, top) = (x.floor(), y.floor());
        let (fx, fy) = (x - left, y - top);
        let (left, top) = (left as i32, top as i32);
        let near = 1.0 / 256.0;
        if fx < near && fy < near {
            return self.texel(left, top);
        }
        let (a, b) = (self.texel(left, top), self.texel(left + 1, top));
        let (c, d) = (self.texel(left, top + 1), self.texel(left + 1, top + 1));
        let mix = |i: usize| {
            let (upper, lower) = (a[i] + (b[i] - a[i]) * fx, c[i] + (d[i] - c[i]) * fx);
            upper + (lower - upper) * fy
        };
        [mix(0), mix(1), mix(2), mix(3)]
    }
}

/// Whole pixels that may be painted: `from` included, `to` not.
struct Clip {
    from: [i32; 2],
    to: [i32; 2],
}

impl Clip {
    fn new(rect: Rect, size: [usize; 2], pixels_per_point: f32) -> Self {
        let whole = |at: f32, most: usize| (at * pixels_per_point).round().clamp(0.0, most as f32) as i32;
        Self {
            from: [whole(rect.min.x, size[0]), whole(rect.min.y, size[1])],
            to: [whole(rect.max.x, size[0]), whole(rect.max.y, size[1])],
        }
    }
}

struct Canvas {
    size: [usize; 2],
    pixels: Vec<Color32>,
}

/// What varies over a triangle: color (0 to 255, premultiplied) and texture coordinates.
type Varying = [f32; 6];

#[derive(Clone, Copy)]
struct Corner {
    x: f32,
    y: f32,
    varying: Varying,
}

impl Corner {
    fn new(vertex: &Vertex, pixels_per_point: f32) -> Self {
        let [r, g, b, a] = vertex.color.to_array().map(f32::from);
        let varying = [r, g, b, a, vertex.uv.x, vertex.uv.y];
        Self { x: vertex.pos.x * pixels_per_point, y: vertex.pos.y * pixels_per_point, varying }
    }
}

impl Canvas {
    fn mesh(&mut self, mesh: &Mesh, texture: &Texture, clip: &Clip, pixels_per_point: f32) {
        for triangle in mesh.indices.chunks_exact(3) {
            let corner = |i: usize| mesh.vertices.get(triangle[i] as usize);
            let (Some(a), Some(b), Some(c)) = (corner(0), corner(1), corner(2)) else { continue };
            if [a, b, c].iter().all(|vertex| vertex.color == Color32::TRANSPARENT) {
                continue;
            }
            let corners = [a, b, c].map(|vertex| Corner::new(vertex, pixels_per_point));
            self.triangle(corners, texture, clip);
        }
    }

    /// Paints the pixels whose centers lie inside. Each edge is walked from its upper to its lower end by both triangles
    /// that share it, so that no pixel of a seam is painted twice or left out.
    fn triangle(&mut self, mut corners: [Corner; 3], texture: &Texture, clip: &Clip) {
        let [a, b, c] = &corners;
        let doubled_area = (b.x - a.x) * (c.y - a.y) - (c.x - a.x) * (b.y - a.y);
        if doubled_area == 0.0 || !doubled_area.is_finite() {
            return;
        }
        let mut by_x = [0.0; 6];
        let mut by_y = [0.0; 6];
        for i in 0..6 {
            let (ab, ac) = (b.varying[i] - a.varying[i], c.varying[i] - a.varying[i]);
            by_x[i] = (ab * (c.y - a.y) - ac * (b.y - a.y)) / doubled_area;
            by_y[i] = (ac * (b.x - a.x) - ab * (c.x - a.x)) / doubled_area;
        }
        let plane = Plane { origin: *a, by_x, by_y };
        corners.sort_by(|p, q| (p.y, p.x).partial_cmp(&(q.y, q.x)).unwrap_or(std::cmp::Ordering::Equal));
        let [top, middle, bottom] = corners;
        let first = ((top.y - 0.5).ceil() as i32).max(clip.from[1]);
        let end = ((bottom.y - 0.5).ceil() as i32).min(clip.to[1]);
        for y in first..end {
            let center = y as f32 + 0.5;
            let long = edge_x(&top, &bottom, center);
            let short =
                if center < middle.y { edge_x(&top, &middle, center) } else { edge_x(&middle, &bottom, center) };
            let from = ((long.min(short) - 0.5).ceil() as i32).max(clip.from[0]);
            let to = ((long.max(short) - 0.5).ceil() as i32).min(clip.to[0]);
            if from < to {
                self.span(y as usize, from as usize..to as usize, &plane, texture);
            }
        }
    }

    fn span(&mut self, y: usize, columns: std::ops::Range<usize>, plane: &Plane, texture: &Texture) {
        let start = plane.at(columns.start as f32 + 0.5, y as f32 + 0.5);
        let row = &mut self.pixels[y * self.size[0]..][columns];
        if plane.by_x.iter().all(|slope| slope.abs() < 1e-6) {
            let color = tint(&start, texture.sample(start[4], start[5]));
            let [r, g, b, a] = color.map(|part| part.round() as u8);
            if a == 255 {
                row.fill(Color32::from_rgba_premultiplied(r, g, b, a));
                return;
            }
            row.iter_mut().for_each(|pixel| *pixel = over(color, *pixel));
            return;
        }
        let mut varying = start;
        // Most edges fade within one texel: their texture is looked up once.
        let flat = (plane.by_x[4] == 0.0 && plane.by_x[5] == 0.0).then(|| texture.sample(start[4], start[5]));
        for pixel in row {
            let texel = flat.unwrap_or_else(|| texture.sample(varying[4], varying[5]));
            *pixel = over(tint(&varying, texel), *pixel);
            varying.iter_mut().zip(&plane.by_x).for_each(|(part, slope)| *part += slope);
        }
    }
}

/// How what varies changes with the position.
struct Plane {
    origin: Corner,
    by_x: Varying,
    by_y: Varying,
}

impl Plane {
    fn at(&self, x: f32, y: f32) -> Varying {
        let (dx, dy) = (x - self.origin.x, y - self.origin.y);
        let mut varying = self.origin.varying;
        for (part, (by_x, by_y)) in varying.iter_mut().zip(self.by_x.iter().zip(&self.by_y)) {
            *part += by_x * dx + by_y * dy;
        }
        varying
    }
}

fn edge_x(upper: &Corner, lower: &Corner, y: f32) -> f32 {
    let height = lower.y - upper.y;
    if height <= 0.0 { upper.x } else { upper.x + (lower.x - upper.x) * ((y - upper.y) / height) }
}

/// Colors are multiplied and mixed as they are stored (gamma space), which is what makes text look right in egui.
fn tint(varying: &Varying, texel: [f32; 4]) -> [f32; 4] {
    let part = |i: usize| (varying[i] * texel[i] / 255.0).clamp(0.0, 255.0);
    [part(0), part(1), part(2), part(3)]
}

fn over(source: [f32; 4], below: Color32) -> Color32 {
    let left = 1.0 - source[3] / 255.0;
    let below = below.to_array().map(f32::from);
    let part = |i: usize| (source[i] + below[i] * left + 0.5).min(255.0) as u8;
    Color32::from_rgba_premultiplied(part(0), part(1), part(2), part(3))
}

#[cfg(test)]
mod tests {
    use egui::{pos2, vec2};

    use super::*;

    fn picture(paint: impl Fn(&egui::Painter)) -> RgbaImage {
        render(vec2(40.0, 40.0), 1.0, &Theme::dark(), 2, |ui| paint(ui.painter()))
    }

    #[test]
    fn an_opaque_rectangle_covers_its_pixels_and_no_others() {
        let rect = Rect::from_min_max(pos2(10.0, 10.0), pos2(20.0, 20.0));
        let image = picture(|painter| {
            painter.rect_filled(rect, 0.0, Theme::dark().bad);
        });
        assert_eq!(image.get_pixel(15, 15).0, Theme::dark().bad.to_array());
        let [r, g, b, a] = Theme::dark().background.to_array();
        assert_eq!(image.get_pixel(25, 15).0, [r, g, b, a]);
    }

    /// Painting a seam twice would show as a darker diagonal.
    #[test]
    fn a_translucent_quad_has_no_seam() {
        let rect = Rect::from_min_max(pos2(4.3, 4.6), pos2(35.2, 30.1));
        let image = picture(|painter| {
            painter.rect_filled(rect, 0.0, Color32::from_white_alpha(100));
        });
        let inside = image.get_pixel(20, 20);
        assert!((7..33).all(|x| (7..28).all(|y| image.get_pixel(x, y) == inside)));
    }

    #[test]
    fn text_is_painted_and_two_runs_are_alike() {
        let text = |painter: &egui::Painter| {
            painter.text(pos2(2.0, 2.0), egui::Align2::LEFT_TOP, "Hi", egui::FontId::default(), Color32::WHITE);
        };
        let image = picture(text);
        assert!(image.pixels().any(|pixel| pixel.0[0] > 200));
        assert_eq!(image, picture(text));
    }

    #[test]
    fn nothing_is_painted_outside_the_clip_rectangle() {
        let clip = Rect::from_min_max(pos2(0.0, 0.0), pos2(10.0, 40.0));
        let image = picture(|painter| {
            painter.with_clip_rect(clip).rect_filled(Rect::EVERYTHING, 0.0, Theme::dark().bad);
        });
        assert_eq!(image.get_pixel(9, 20).0, Theme::dark().bad.to_array());
        assert_ne!(image.get_pixel(10, 20).0, Theme::dark().bad.to_array());
    }
}
